import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../error-codes.ts';
import { roleOf, type Principal } from './principal.ts';

/** Those that are checked with a public key: with one of them a header can turn no key into a shared secret. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const leewaySeconds = 60;
const answerTimeoutMs = 3_000;
const grantable = ['admin', 'developer', 'viewer'] as const;

/** Tokens of the identity provider that the configuration names. @internal */
export class IdentityProvider {
  readonly issuer: string;
  readonly #audience: string;
  readonly #roleClaim: string;
  readonly #keys: JWTVerifyGetKey;

  constructor(options: {
    readonly issuer: string;
    readonly audience: string;
    readonly roleClaim: string;
    readonly keys: JWTVerifyGetKey;
  }) {
    this.issuer = options.issuer;
    this.#audience = options.audience;
    this.#roleClaim = options.roleClaim;
    this.#keys = options.keys;
  }

  /** `null` when the configuration names none. */
  static of(config: ServerConfig): IdentityProvider | null {
    const { identityJwksUrl, identityIssuer, identityAudience = config.jwtAudience, identityRoleClaim } = config;
    if (identityJwksUrl === undefined || identityIssuer === undefined) return null;
    const keys = createRemoteJWKSet(new URL(identityJwksUrl), { timeoutDuration: answerTimeoutMs });
    return new IdentityProvider({
      ...{ issuer: identityIssuer, audience: identityAudience, roleClaim: identityRoleClaim },
      keys,
    });
  }

  /**
   * Whom a token stands for; `null` when it is none of the provider's, or grants no role here.
   * @throws HS_AUTH_PROVIDER_UNAVAILABLE when the provider's keys cannot be had
   */
  async verify(token: string): Promise<Principal | null> {
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        algorithms,
        issuer: this.issuer,
        audience: this.#audience,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: leewaySeconds,
      });
      return this.#principalOf(payload);
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError) || isUnreachable(error))
        throw serverError('HS_AUTH_PROVIDER_UNAVAILABLE', {}, error);
      return null;
    }
  }

  #principalOf(payload: JWTPayload): Principal | null {
    const claimed = payload[this.#roleClaim];
    const names = (Array.isArray(claimed) ? claimed : [claimed]).map((name) => String(name).toLowerCase());
    const role = roleOf(grantable.find((one) => names.includes(one)));
    const { sub, exp, tenant } = payload;
    if (role === undefined || typeof sub !== 'string' || sub === '' || sub.length > 200) return null;
    return {
      tenant: typeof tenant === 'string' && tenant !== '' ? tenant : 'default',
      // Somebody there must not pass for a user here of the same name.
      subject: `idp:${sub}`,
      role,
      kind: 'provider',
      expiresAt: (exp as number) * 1_000,
    };
  }
}

/** jose says so of answers that are no key set. */
function isUnreachable(error: errors.JOSEError): boolean {
  return error.code === 'ERR_JOSE_GENERIC' || error.code === 'ERR_JWKS_INVALID';
}
