import { serverError } from '../error-codes.ts';
import type { Principal } from './principal.ts';

/** The tenant whose admins look after the installation. @internal */
export const homeTenant = 'default';

/**
 * Where something new belongs: to the caller's tenant, unless an admin of the installation names another one.
 * @throws HS_AUTH_OTHER_TENANT
 * @internal
 */
export function tenantFor({ tenant, role }: Principal, asked: string | undefined): string {
  if (asked === undefined || asked === tenant) return tenant;
  if (tenant !== homeTenant || role !== 'admin') throw serverError('HS_AUTH_OTHER_TENANT');
  return asked;
}
