import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import type { Json } from '@hotswap/core';
import { homeTenant } from './tenant-for.ts';

/** Values that all servers of one database share. @internal */
export interface SharedSettings {
  findOrCreate(name: string, make: () => Promise<Json>): Promise<Json>;
}

/**
 * The keys by which nodes know calls of this installation's gateways: one for each tenant. Names of nodes are unique within
 * a tenant alone, so whoever runs a node of one tenant could take the tokens that it gets to the node of the same name of
 * another, if both knew the same key.
 * @internal
 */
export interface InvokeSigningKey {
  /** JWK without the private part, which nodes of the tenant are given. */
  publicKeyOf(tenant: string): Promise<Readonly<Record<string, Json>>>;
  sign(tenant: string, nodeId: string, lifetimeMs: number): Promise<string>;
}

interface TenantKey {
  readonly publicKey: Readonly<Record<string, Json>>;
  readonly privateKey: Awaited<ReturnType<typeof importJWK>>;
}

/** Reads the keys, or makes them when they are first needed. Servers that start together get the same ones. @internal */
export async function openInvokeSigningKey(settings: SharedSettings): Promise<InvokeSigningKey> {
  const kept = new Map<string, Promise<TenantKey>>();
  const keyOf = (tenant: string): Promise<TenantKey> => {
    const known = kept.get(tenant);
    if (known) return known;
    const reading = readKey(settings, tenant);
    kept.set(tenant, reading);
    // A database that was away is asked again.
    reading.catch(() => kept.delete(tenant));
    return reading;
  };
  await keyOf(homeTenant);
  return {
    publicKeyOf: async (tenant) => (await keyOf(tenant)).publicKey,
    sign: async (tenant, nodeId, lifetimeMs) => {
      const { privateKey } = await keyOf(tenant);
      const nowSeconds = Math.floor(Date.now() / 1_000);
      return new SignJWT()
        .setProtectedHeader({ alg: 'EdDSA' })
        .setIssuer('hotswap')
        .setAudience(nodeId)
        .setIssuedAt(nowSeconds)
        .setExpirationTime(nowSeconds + Math.floor(lifetimeMs / 1_000))
        .sign(privateKey);
    },
  };
}

async function readKey(settings: SharedSettings, tenant: string): Promise<TenantKey> {
  const name = tenant === homeTenant ? 'invoke-signing-key' : `invoke-signing-key:${tenant}`;
  const jwk = (await settings.findOrCreate(name, makeKey)) as JWK;
  const { d: _private, ...publicKey } = jwk;
  return { publicKey, privateKey: await importJWK(jwk, 'EdDSA') };
}

async function makeKey(): Promise<Json> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return await exportJWK(privateKey);
}
