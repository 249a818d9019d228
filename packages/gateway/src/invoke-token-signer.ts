/** Signs a token by which a node admits calls. @public */
export type SignInvokeToken = (nodeId: string, lifetimeMs: number) => Promise<string>;

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
  headerFor(nodeId: string): string | Promise<string> {
    const kept = this.#kept.get(nodeId);
    const now = performance.now();
    if (kept === undefined || kept.endsAt <= now) return this.#make(nodeId);
    if (kept.renewAt <= now) this.#make(nodeId).catch(() => undefined);
    return kept.header;
  }

  /** Forgets a token that a node has refused. */
  forget(nodeId: string): void {
    this.#kept.delete(nodeId);
  }

  #make(nodeId: string): Promise<string> {
    const running = this.#making.get(nodeId);
    if (running) return running;
    const making = this.#sign(nodeId, lifetimeMs)
      .then((token) => {
        const now = performance.now();
        const header = `Bearer ${token}`;
        this.#kept.set(nodeId, { header, renewAt: now + renewAfterMs, endsAt: now + lifetimeMs - 5_000 });
        return header;
      })
      .finally(() => this.#making.delete(nodeId));
    this.#making.set(nodeId, making);
    return making;
  }
}
