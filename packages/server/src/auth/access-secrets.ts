import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { ServerConfig } from '../config/schema.ts';
import type { SharedSettings } from './invoke-signing-key.ts';

/** What tokens and keys are proved by. @internal */
export interface AccessSecrets {
  /** The one that signs stands first; all are believed. */
  readonly signing: readonly Uint8Array[];
  /** What is kept of the secret part of an API key. */
  hashOfKey(secret: string): string;
}

/**
 * Secrets of the configuration; where it has none, values of the database's own that are made at the first start, so that
 * all of its servers have the same ones.
 * @internal
 */
export async function openAccessSecrets(config: ServerConfig, settings: SharedSettings): Promise<AccessSecrets> {
  const made = async (): Promise<string> =>
    (await settings.findOrCreate('access-secret', () =>
      Promise.resolve(randomBytes(64).toString('base64url')),
    )) as string;
  const signing = config.jwtSecretKey ?? derived(await made(), 'signing');
  const salt = config.apiSalt ?? derived(await made(), 'salt');
  const previous = config.jwtPreviousSecretKey;
  return {
    signing: [signing, ...(previous === undefined ? [] : [previous])].map((text) => new TextEncoder().encode(text)),
    hashOfKey: (secret) => createHmac('sha256', salt).update(secret).digest('base64url'),
  };
}

/** One secret for each purpose. */
function derived(secret: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', secret, '', `hotswap ${purpose}`, 48)).toString('base64url');
}
