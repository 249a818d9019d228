import type { RateCounter } from '@hotswap/core';
import type { Logger } from 'pino';
import type { ServerConfig } from '../config/schema.ts';
import { DayQuotaCounter } from '../limits/day-quota-counter.ts';
import { LeasedRateCounter } from '../limits/leased-rate-counter.ts';
import { MemoryRateCounter } from '../limits/memory-rate-counter.ts';
import { RequestLimits } from '../limits/request-limits.ts';
import type { ApiKeys } from '../ports/api-keys.ts';
import type { ChangeHints } from '../ports/change-hints.ts';
import type { Credentials } from '../ports/credentials.ts';
import type { DayQuotas } from '../ports/day-quotas.ts';
import type { LoginFailures } from '../ports/login-failures.ts';
import type { NodeRegistry } from '../ports/node-registry.ts';
import type { Users } from '../ports/users.ts';
import type { ServerParts } from '../server-parts.ts';
import type { AccessSecrets } from './access-secrets.ts';
import { CachedAuthenticator, makeAuthenticator } from './authenticator.ts';
import { IdentityProvider } from './identity-provider.ts';
import { LoginService } from './login-service.ts';
import { SessionTokens } from './session-tokens.ts';

/** What access stands on. @internal */
export interface AccessParts {
  readonly config: ServerConfig;
  readonly logger: Logger;
  readonly secrets: AccessSecrets;
  readonly users: Users;
  readonly apiKeys: ApiKeys;
  readonly credentials: Credentials;
  readonly nodes: NodeRegistry;
  readonly failures: LoginFailures;
  readonly quotas: DayQuotas;
  readonly changes: ChangeHints;
  /** Counts by the minute for all servers. Absent: each counts by itself. */
  readonly shared?: RateCounter;
}

const databasePatienceMs = 1_000;
/** A counter that is there answers within a few milliseconds; requests wait for it no longer than this. */
const sharedPatienceMs = 100;

/** Who is let in, and how often. @internal */
export function makeAccess(
  parts: AccessParts,
): Pick<ServerParts, 'authenticator' | 'secrets' | 'login' | 'users' | 'apiKeys' | 'limits'> {
  const { config, secrets, users, apiKeys, credentials, nodes, failures, changes } = parts;
  const tokens = new SessionTokens(secrets.signing, config);
  const provider = IdentityProvider.of(config);
  const authenticator = new CachedAuthenticator(
    makeAuthenticator({ credentials, nodes, users, secrets, tokens, provider, keys: apiKeys }),
  );
  changes.subscribe(({ topic }) => {
    if (topic === 'access') authenticator.forget();
    else if (topic === 'resync') authenticator.doubt();
  });
  const login = new LoginService({ users, failures, tokens });
  return { authenticator, secrets, login, users, apiKeys, limits: makeLimits(parts) };
}

/** Minutes are counted here or where all servers count, days in the database. */
function makeLimits({ config, logger, quotas, shared }: AccessParts): RequestLimits {
  const told =
    (text: string) =>
    (isAnswering: boolean, error?: unknown): void =>
      isAnswering
        ? logger.info(`${text} are shared by all servers again`)
        : logger.warn({ err: error }, `${text} are counted by this server alone`);
  const byDay = new DayQuotaCounter(quotas);
  const days = new LeasedRateCounter({
    shared: byDay,
    local: new MemoryRateCounter(),
    patienceMs: databasePatienceMs,
    giveBack: (key, amount) => byDay.giveBack(key, amount),
    onChange: told('day quotas'),
  });
  const local = new MemoryRateCounter();
  const minutes =
    shared === undefined
      ? local
      : new LeasedRateCounter({ shared, local, patienceMs: sharedPatienceMs, onChange: told('rate limits') });
  return new RequestLimits({ config, minutes, days });
}
