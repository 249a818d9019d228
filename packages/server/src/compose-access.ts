import {
  actAs,
  ApiKeyRepository,
  AuditRepository,
  CredentialRepository,
  DayQuotaRepository,
  LoginFailureRepository,
  UserRepository,
  type Database,
} from '@hotswap/state-postgres';
import { RedisConnection, RedisRateCounter } from '@hotswap/state-redis';
import type { Logger } from 'pino';
import { openAccessSecrets, type AccessSecrets } from './auth/access-secrets.ts';
import type { SharedSettings } from './auth/invoke-signing-key.ts';
import type { CachedAuthenticator } from './auth/authenticator.ts';
import { makeAccess } from './auth/make-access.ts';
import type { ServerConfig } from './config/schema.ts';
import { EventStreams } from './http/event-stream.ts';
import type { NodeRegistry } from './ports/node-registry.ts';
import type { AuditLog } from './ports/audit-log.ts';
import type { ServerParts } from './server-parts.ts';

/** What has to be there before anybody is let in. @internal */
export interface OpenAccess {
  readonly config: ServerConfig;
  readonly logger: Logger;
  readonly secrets: AccessSecrets;
  /** `null`: the configuration names none. */
  readonly redis: RedisConnection | null;
}

/** Reads or makes the secrets, and finds what servers share. @internal */
export async function openAccess(parts: {
  readonly config: ServerConfig;
  readonly logger: Logger;
  readonly settings: SharedSettings;
  /** What is to be closed again. */
  readonly opened: (() => Promise<unknown>)[];
}): Promise<OpenAccess> {
  const { config, logger, settings, opened } = parts;
  const secrets = await openAccessSecrets(config, settings);
  return { config, logger, secrets, redis: await openRedis(config, logger, opened) };
}

/** Who is let in and how often, over this database. @internal */
export function composeAccess(
  { config, logger, secrets, redis }: OpenAccess,
  database: Database,
  nodes: NodeRegistry,
): ReturnType<typeof makeAccess> & Pick<ServerParts, 'isRedisUp'> {
  const access = makeAccess({
    ...{ config, logger, secrets, nodes, changes: database.changes },
    users: new UserRepository(database),
    apiKeys: new ApiKeyRepository(database),
    credentials: new CredentialRepository(database),
    failures: new LoginFailureRepository(database),
    quotas: new DayQuotaRepository(database),
    ...(redis === null ? {} : { shared: new RedisRateCounter(redis) }),
  });
  return redis === null ? access : { ...access, isRedisUp: () => redis.isUp };
}

/** Streams of events, which end with the access of whoever reads them. @internal */
export function composeStreams({ changes }: Database, authenticator: CachedAuthenticator): EventStreams {
  const streams = new EventStreams();
  let checking: Promise<void> | undefined;
  let mustCheckAgain = false;
  const check = (): void => {
    if (checking) {
      mustCheckAgain = true;
      return;
    }
    checking = streams
      .recheck((token) => authenticator.authenticate(token))
      .finally(() => {
        checking = undefined;
        if (!mustCheckAgain) return;
        mustCheckAgain = false;
        check();
      });
  };
  changes.subscribe(({ topic }) => {
    if (topic === 'access' || topic === 'resync') check();
  });
  return streams;
}

/** What is on record of changes, over this database. @internal */
export function composeAudit(database: Database): AuditLog {
  const repository = new AuditRepository(database);
  return {
    head: (tenant) => repository.head(tenant),
    list: (tenant, query) => repository.list(tenant, query),
    actAs,
  };
}

/** What access may forget after a while. @internal */
export function accessCleaners(database: Database): readonly (() => Promise<unknown>)[] {
  return [
    () => new UserRepository(database).forgetSessions(),
    () => new LoginFailureRepository(database).forget(),
    () => new DayQuotaRepository(database).forget(),
  ];
}

/** What servers share besides the database. That it is away holds nothing up, now or later. */
async function openRedis(
  { redisUrl }: ServerConfig,
  logger: Logger,
  opened: (() => Promise<unknown>)[],
): Promise<RedisConnection | null> {
  if (redisUrl === undefined) return null;
  const redis = await RedisConnection.open({
    url: redisUrl,
    onChange: (isUp, error) =>
      isUp
        ? logger.info('Redis answers')
        : logger.warn({ err: error }, 'Redis does not answer: limits are held by each server'),
    onWarning: (text) => logger.warn(text),
  });
  opened.push(async () => redis[Symbol.asyncDispose]());
  return redis;
}
