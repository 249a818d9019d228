import { createHash, randomBytes } from 'node:crypto';

/** A new secret of 256 bits with a prefix that says what it is for; it is shown once and kept as its hash. @internal */
export function newToken(prefix: string): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`;
}

/** Plain SHA-256: the secret itself is random enough that no slow hash is needed, and each request pays for this. @internal */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
