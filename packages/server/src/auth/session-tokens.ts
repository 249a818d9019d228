import { randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { durationMs } from '@hotswap/core';
import type { ServerConfig } from '../config/schema.ts';
import type { UserRecord } from '../ports/users.ts';

/** What a session's token says, once its signature is checked. @internal */
export interface SessionClaims {
  readonly userId: string;
  readonly sessionId: string;
  readonly epoch: number;
  /** In ms of the epoch. */
  readonly expiresAt: number;
}

/** Servers of one database may be that far apart. */
const leewaySeconds = 60;
const algorithm = 'HS256';

/** Tokens of those who have logged in: JWTs that this installation signs and nobody else. @internal */
export class SessionTokens {
  readonly #keys: readonly Uint8Array[];
  readonly #config: Pick<ServerConfig, 'jwtIssuer' | 'jwtAudience' | 'jwtExpiration'>;

  constructor(keys: readonly Uint8Array[], config: Pick<ServerConfig, 'jwtIssuer' | 'jwtAudience' | 'jwtExpiration'>) {
    this.#keys = keys;
    this.#config = config;
  }

  async issue(user: UserRecord): Promise<{ readonly token: string; readonly expiresAt: number }> {
    const { jwtIssuer, jwtAudience, jwtExpiration } = this.#config;
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const expiresSeconds = nowSeconds + Math.ceil(durationMs(jwtExpiration) / 1_000);
    const token = await new SignJWT({ uid: user.userId, ver: user.sessionEpoch, role: user.role })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setIssuer(jwtIssuer)
      .setAudience(jwtAudience)
      .setSubject(user.username)
      .setJti(randomUUID())
      .setIssuedAt(nowSeconds)
      .setExpirationTime(expiresSeconds)
      .sign(this.#keys[0] as Uint8Array);
    return { token, expiresAt: expiresSeconds * 1_000 };
  }

  /** `null` for anything that is not a token of ours as it was issued. The header never chooses how it is checked. */
  async verify(token: string): Promise<SessionClaims | null> {
    for (const key of this.#keys) {
      const claims = await this.#verifyWith(key, token);
      if (claims !== null) return claims;
    }
    return null;
  }

  async #verifyWith(key: Uint8Array, token: string): Promise<SessionClaims | null> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer: this.#config.jwtIssuer,
        audience: this.#config.jwtAudience,
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
        clockTolerance: leewaySeconds,
      });
      const { uid, ver, jti, exp } = payload;
      if (typeof uid !== 'string' || typeof ver !== 'number' || typeof jti !== 'string') return null;
      return { userId: uid, sessionId: jti, epoch: ver, expiresAt: (exp as number) * 1_000 };
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
}
