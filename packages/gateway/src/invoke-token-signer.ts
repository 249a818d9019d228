/** Signs a token by which a node of the tenant admits calls, and no other: ids of nodes are unique within a tenant alone. @public */
export type SignInvokeToken = (nodeId: string, lifetimeMs: number, tenant: string) => Promise<string>;

/** A node as tokens are made for it. @internal */
export interface TokenNode {
  readonly tenant: string;
  readonly nodeId: string;
}

const lifetimeMs = 110_000;
/** From then on a new one is made while the old one still serves. */
const renewAfterMs = 50_000;

interface Kept {
  readonly header: string;
  readonly renewAt: number;
  readonly endsAt: number;
}

/**
 * One token for each node, made before the last one ends: calls find it ready and pay for no cryptography.
 * @internal
 */
export class InvokeTokenSigner {
  readonly #sign: SignInvokeToken;
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Promise<string>>();

  constructor(sign: SignInvokeToken) {
    this.#sign = sign;
  }

  /** Value of the `authorization` header; a promise only for the first call to a node. */
  headerFor(node: TokenNode): string | Promise<string> {
    const key = keyOf(node);
    const kept = this.#kept.get(key);
    const now = performance.now();
    if (kept === undefined || kept.endsAt <= now) return this.#make(key, node);
    if (kept.renewAt <= now) this.#make(key, node).catch(() => undefined);
    return kept.header;
  }

  /** Forgets a token that a node has refused. */
  forget(node: TokenNode): void {
    this.#kept.delete(keyOf(node));
  }

  #make(key: string, { tenant, nodeId }: TokenNode): Promise<string> {
    const running = this.#making.get(key);
    if (running) return running;
    const making = this.#sign(nodeId, lifetimeMs, tenant)
      .then((token) => {
        const now = performance.now();
        const header = `Bearer ${token}`;
        this.#kept.set(key, { header, renewAt: now + renewAfterMs, endsAt: now + lifetimeMs - 5_000 });
        return header;
      })
      .finally(() => this.#making.delete(key));
    this.#making.set(key, making);
    return making;
  }
}

const keyOf = ({ tenant, nodeId }: TokenNode): string => `${tenant}\n${nodeId}`;
