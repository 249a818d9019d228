import { PolicyRepository, type Database } from '@hotswap/state-postgres';
import type { ServerConfig } from './config/schema.ts';
import { TenantPolicies } from './policy/tenant-policies.ts';

/** What tenants have laid down, over this database. @internal */
export function composePolicies(database: Database, config: Pick<ServerConfig, 'environment'>): TenantPolicies {
  return new TenantPolicies(new PolicyRepository(database), config);
}
