import type { Credentials } from '../ports/credentials.ts';
import type { NodeRegistry } from '../ports/node-registry.ts';
import { roles, type Principal, type Role } from './principal.ts';

/** Proves who a bearer token stands for. Other kinds of tokens (JWT, API keys) are further implementations of this. @internal */
export interface Authenticator {
  /** `null` when the token stands for nobody. */
  authenticate(token: string): Promise<Principal | null>;
}

/** Tokens that the database knows: credentials of people and programs, and of nodes. @internal */
export function storedCredentials(credentials: Credentials, nodes: NodeRegistry): Authenticator {
  return {
    authenticate: async (token) => {
      if (token.startsWith('hsn_')) {
        const node = await nodes.authenticate(token);
        return node && { tenant: node.tenant, subject: `node:${node.nodeId}`, role: 'agent', nodeId: node.nodeId };
      }
      const record = await credentials.authenticate(token);
      const role = roles.find((known) => known === record?.role);
      return record && role ? { tenant: record.tenant, subject: record.subject, role: role satisfies Role } : null;
    },
  };
}

/** A known token is looked at again after that time, in the background: a revoked one works no longer than this. */
const freshMs = 5_000;
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

  constructor(inner: Authenticator) {
    this.#inner = inner;
  }

  /** The answer if it is known: the hot path, without waiting. `undefined` when it has to be asked for. */
  known(token: string): Principal | null | undefined {
    const kept = this.#kept.get(token);
    if (kept === undefined) return undefined;
    const now = performance.now();
    if (now < kept.freshUntil) return kept.principal;
    if (now >= kept.believedUntil) return undefined;
    // The database being away is no reason to refuse those who were let in a moment ago.
    this.#ask(token).catch(() => undefined);
    return kept.principal;
  }

  async authenticate(token: string): Promise<Principal | null> {
    const known = this.known(token);
    return known === undefined ? this.#ask(token) : known;
  }

  #ask(token: string): Promise<Principal | null> {
    const running = this.#asking.get(token);
    if (running) return running;
    const asking = this.#inner
      .authenticate(token)
      .then((principal) => {
        const now = performance.now();
        if (this.#kept.size >= maxKept) this.#kept.clear();
        const keptMs =
          principal === null ? { fresh: unknownMs, believed: unknownMs } : { fresh: freshMs, believed: believedMs };
        this.#kept.set(token, { principal, freshUntil: now + keptMs.fresh, believedUntil: now + keptMs.believed });
        return principal;
      })
      .finally(() => this.#asking.delete(token));
    this.#asking.set(token, asking);
    return asking;
  }
}
