import { importJWK, jwtVerify, type CryptoKey, type JWK } from 'jose';
import { agentError } from '../error-codes.ts';
import type { PublicJwk } from '../server/node-identity.ts';

/** Longest validity that a token may have (D-18). */
const maxLifetimeMs = 120_000;
/** Difference between clocks that is forgiven. */
const leewayMs = 60_000;
const maxCached = 1_000;

/**
 * Admits calls by tokens that the server signed for this node. Gateways use one token for many calls: a token is verified
 * once and then only looked up until it expires.
 * @internal
 */
export class InvokeTokens {
  readonly #nodeId: string;
  readonly #serverTime: () => number;
  /** Header by the monotonic time at which it expires. */
  readonly #admitted = new Map<string, number>();
  readonly #verifying = new Map<string, Promise<void>>();
  #key: Promise<CryptoKey | Uint8Array> | undefined;

  /** @param serverTime Unix milliseconds by the server's clock */
  constructor(nodeId: string, serverTime: () => number) {
    this.#nodeId = nodeId;
    this.#serverTime = serverTime;
  }

  /** The key that signs from now on; what was admitted under another one is verified again. */
  trust(publicKey: PublicJwk): void {
    this.#key = importJWK(publicKey as JWK, 'EdDSA');
    // Whoever presents a token learns of a bad key; without this it would end the process before.
    this.#key.catch(() => undefined);
    this.#admitted.clear();
  }

  /** Whether the header is known to be good: the hot path, without cryptography. */
  isAdmitted(header: string): boolean {
    const expiresAt = this.#admitted.get(header);
    return expiresAt !== undefined && expiresAt > performance.now();
  }

  /**
   * @returns Unix milliseconds by this machine's clock until which the header stays good
   * @throws HS_AGENT_UNAUTHENTICATED
   */
  async admit(header: string | undefined): Promise<number> {
    if (header === undefined || !header.startsWith('Bearer ')) throw agentError('HS_AGENT_UNAUTHENTICATED');
    if (this.isAdmitted(header)) return this.#validUntil(header);
    let verifying = this.#verifying.get(header);
    if (verifying === undefined) {
      verifying = this.#verify(header).finally(() => this.#verifying.delete(header));
      this.#verifying.set(header, verifying);
    }
    await verifying;
    return this.#validUntil(header);
  }

  #validUntil(header: string): number {
    return Date.now() + ((this.#admitted.get(header) ?? 0) - performance.now());
  }

  async #verify(header: string): Promise<void> {
    try {
      const key = await this.#key;
      if (key === undefined) throw agentError('HS_AGENT_UNAUTHENTICATED');
      const now = this.#serverTime();
      const { payload } = await jwtVerify(header.slice('Bearer '.length), key, {
        algorithms: ['EdDSA'],
        audience: this.#nodeId,
        requiredClaims: ['exp', 'aud'],
        currentDate: new Date(now),
        clockTolerance: leewayMs / 1_000,
      });
      const expiresInMs = (payload.exp ?? 0) * 1_000 - now;
      if (expiresInMs > maxLifetimeMs + leewayMs) throw agentError('HS_AGENT_UNAUTHENTICATED');
      this.#remember(header, performance.now() + Math.max(0, expiresInMs) + leewayMs);
    } catch (error) {
      throw agentError('HS_AGENT_UNAUTHENTICATED', {}, error);
    }
  }

  #remember(header: string, expiresAt: number): void {
    const oldest = this.#admitted.size >= maxCached ? this.#admitted.keys().next().value : undefined;
    if (oldest !== undefined) this.#admitted.delete(oldest);
    this.#admitted.set(header, expiresAt);
  }
}
