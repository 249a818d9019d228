import type { ApiKeys } from '../ports/api-keys.ts';
import type { Credentials } from '../ports/credentials.ts';
import type { NodeRegistry } from '../ports/node-registry.ts';
import type { Users } from '../ports/users.ts';
import { tiers } from '@hotswap/protocol';
import type { AccessSecrets } from './access-secrets.ts';
import { apiKeyPrefix, principalOfKey } from './api-keys.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { roleOf, type Principal } from './principal.ts';
import type { SessionTokens } from './session-tokens.ts';

/** Proves who a bearer token stands for. @internal */
export interface Authenticator {
  /** `null` when the token stands for nobody. */
  authenticate(token: string): Promise<Principal | null>;
}

/** Everything that can prove who somebody is. @internal */
export interface AuthenticatorParts {
  readonly credentials: Credentials;
  readonly nodes: NodeRegistry;
  readonly keys: ApiKeys;
  readonly users: Users;
  readonly secrets: AccessSecrets;
  readonly tokens: SessionTokens;
  readonly provider: IdentityProvider | null;
}

const jwtForm = /^([\w-]+)\.([\w-]+)\.[\w-]+$/;

/** Tokens of people, programs and nodes; what a token looks like says who has to know it. @internal */
export function makeAuthenticator(parts: AuthenticatorParts): Authenticator {
  const { credentials, nodes, keys, secrets, provider } = parts;
  return {
    authenticate: async (token) => {
      if (token.startsWith('hsn_')) {
        const node = await nodes.authenticate(token);
        return node && { tenant: node.tenant, subject: `node:${node.nodeId}`, role: 'agent', nodeId: node.nodeId };
      }
      if (token.startsWith(apiKeyPrefix)) return principalOfKey(token, keys, secrets);
      const claims = jwtForm.exec(token)?.[2];
      if (claims !== undefined)
        return provider !== null && issuerOf(claims) === provider.issuer
          ? provider.verify(token)
          : principalOfSession(token, parts);
      const record = await credentials.authenticate(token);
      const role = roleOf(record?.role);
      return record && role ? { tenant: record.tenant, subject: record.subject, role } : null;
    },
  };
}

/** Before anything is proved: it only says whose key to try. */
function issuerOf(claims: string): unknown {
  try {
    return (JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { iss?: unknown } | null)?.iss;
  } catch {
    return undefined;
  }
}

/** Whoever has logged in, as long as the session is not ended and the user may do what it was begun with. */
async function principalOfSession(token: string, { tokens, users }: AuthenticatorParts): Promise<Principal | null> {
  const claims = await tokens.verify(token);
  if (claims === null) return null;
  const user = await users.findSession(claims.userId, claims.sessionId);
  const role = roleOf(user?.role);
  if (user === null || role === undefined || !user.isEnabled || user.isEnded || user.sessionEpoch !== claims.epoch)
    return null;
  const tier = tiers.find((one) => one === user.tier);
  return {
    tenant: user.tenant,
    subject: user.username,
    role,
    kind: 'session',
    expiresAt: claims.expiresAt,
    session: { userId: user.userId, sessionId: claims.sessionId },
    ...(tier === undefined ? {} : { tier }),
  };
}

/** A known token is looked at again after that time, in the background. */
const freshMs = 5_000;
/** One that was not in use for that much longer has to wait for the answer: it may have been revoked long ago. */
const idleMs = 5_000;
/** Without an answer of the database a token is believed no longer than this. */
const believedMs = 60_000;
const unknownMs = 1_000;
const maxKept = 10_000;

interface Kept {
  readonly principal: Principal | null;
  readonly freshUntil: number;
  readonly believedUntil: number;
}

/**
 * Remembers answers for a short while, so that calls of functions do not wait for the database.
 * @internal
 */
export class CachedAuthenticator implements Authenticator {
  readonly #inner: Authenticator;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<Principal | null>>();
  /** Whether the last question got no answer. */
  #isSilent = false;

  constructor(inner: Authenticator) {
    this.#inner = inner;
  }

  /** Asks anew about one token, or about all: somebody may no longer be let in. */
  forget(token?: string): void {
    if (token === undefined) this.#kept.clear();
    else this.#kept.delete(token);
    this.#asking.clear();
  }

  /** Asks anew before anybody is let in, as long as there is somebody to answer: news of a revocation may have been missed. */
  doubt(): void {
    for (const [token, kept] of this.#kept) this.#kept.set(token, { ...kept, freshUntil: Number.NEGATIVE_INFINITY });
  }

  /** The answer if it is known: the hot path, without waiting. `undefined` when it has to be asked for. */
  known(token: string): Principal | null | undefined {
    const kept = this.#kept.get(token);
    if (kept === undefined) return undefined;
    const now = performance.now();
    if (now < kept.freshUntil) return kept.principal;
    if (now >= kept.believedUntil || (now >= kept.freshUntil + idleMs && !this.#isSilent)) return undefined;
    this.#ask(token).catch(() => undefined);
    return kept.principal;
  }

  /** Whether the token let somebody in a moment ago: whoever sends it is no stranger, even if it has to be asked about anew. */
  hasMet(token: string): boolean {
    const kept = this.#kept.get(token);
    return kept !== undefined && kept.principal !== null && performance.now() < kept.believedUntil;
  }

  async authenticate(token: string): Promise<Principal | null> {
    const known = this.known(token);
    if (known !== undefined) return known;
    try {
      return await this.#ask(token);
    } catch (error) {
      // The database being away is no reason to refuse those who were let in a moment ago.
      const kept = this.#kept.get(token);
      if (kept === undefined || performance.now() >= kept.believedUntil) throw error;
      return kept.principal;
    }
  }

  #ask(token: string): Promise<Principal | null> {
    const running = this.#asking.get(token);
    if (running) return running;
    const asking = this.#inner
      .authenticate(token)
      .then((principal) => {
        this.#isSilent = false;
        const now = performance.now();
        if (this.#kept.size >= maxKept) this.#kept.clear();
        const keptMs =
          principal === null ? { fresh: unknownMs, believed: unknownMs } : { fresh: freshMs, believed: believedMs };
        const leftMs = (principal?.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now();
        // An answer that was under way when everything was forgotten may be out of date.
        if (this.#asking.get(token) === asking)
          this.#kept.set(token, {
            principal,
            freshUntil: now + Math.min(keptMs.fresh, leftMs),
            believedUntil: now + Math.min(keptMs.believed, leftMs),
          });
        return principal;
      })
      .catch((error: unknown) => {
        this.#isSilent = true;
        throw error;
      })
      .finally(() => {
        if (this.#asking.get(token) === asking) this.#asking.delete(token);
      });
    this.#asking.set(token, asking);
    return asking;
  }
}
