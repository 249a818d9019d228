import { randomBytes, timingSafeEqual } from 'node:crypto';
import { tiers, type Tier } from '@hotswap/protocol';
import type { ApiKeys } from '../ports/api-keys.ts';
import type { AccessSecrets } from './access-secrets.ts';
import { holds, roleOf, type Principal } from './principal.ts';

/** What API keys begin with, so that people and scanners know them. @internal */
export const apiKeyPrefix = 'hsk_';
const form = /^hsk_([0-9a-f]{24})_([A-Za-z0-9_-]{43})$/;

/** A key that was just made: the open part, the secret part's hash, and the whole, which is shown once. @internal */
export function newApiKey(secrets: AccessSecrets): {
  readonly keyId: string;
  readonly key: string;
  readonly secretHash: string;
} {
  const keyId = randomBytes(12).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return { keyId, key: `${apiKeyPrefix}${keyId}_${secret}`, secretHash: secrets.hashOfKey(secret) };
}

/** The smaller tier's place in the order; no tier is above all. @internal */
export function rankOf(tier: Tier | null | undefined): number {
  return tier === null || tier === undefined ? tiers.length : tiers.indexOf(tier);
}

/**
 * Whom an API key stands for. It never does what its owner may no longer do.
 * @internal
 */
export async function principalOfKey(key: string, keys: ApiKeys, secrets: AccessSecrets): Promise<Principal | null> {
  const [, keyId, secret] = form.exec(key) ?? [];
  if (keyId === undefined || secret === undefined) return null;
  const record = await keys.find(keyId);
  const given = Buffer.from(secrets.hashOfKey(secret));
  const kept = Buffer.from(record?.secretHash ?? '-'.repeat(given.byteLength));
  const isGenuine = kept.byteLength === given.byteLength && timingSafeEqual(kept, given);
  if (!isGenuine || record === null || !record.isOwnerEnabled) return null;
  const role = roleOf(record.role);
  const ownerRole = roleOf(record.ownerRole);
  if (role === undefined || (ownerRole !== undefined && !holds(ownerRole, role))) return null;
  await keys.touch(keyId);
  return {
    tenant: record.tenant,
    subject: record.owner,
    role,
    kind: 'key',
    tier: tiers.find((tier) => tier === record.tier) ?? 'free',
    ...(record.expiresAt === null ? {} : { expiresAt: record.expiresAt }),
  };
}
