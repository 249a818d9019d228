import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import type { Json } from '@hotswap/core';

/** Values that all servers of one database share. @internal */
export interface SharedSettings {
  findOrCreate(name: string, make: () => Promise<Json>): Promise<Json>;
}

/** The key by which nodes know calls of this installation's gateways. @internal */
export interface InvokeSigningKey {
  /** JWK without the private part. */
  readonly publicKey: Readonly<Record<string, Json>>;
  sign(nodeId: string, lifetimeMs: number): Promise<string>;
}

/** Reads the key, or makes it at the first start. Servers that start together get the same one. @internal */
export async function openInvokeSigningKey(settings: SharedSettings): Promise<InvokeSigningKey> {
  const jwk = (await settings.findOrCreate('invoke-signing-key', makeKey)) as JWK;
  const key = await importJWK(jwk, 'EdDSA');
  const { d: _private, ...publicKey } = jwk;
  return {
    publicKey: publicKey,
    sign: (nodeId, lifetimeMs) => {
      const nowSeconds = Math.floor(Date.now() / 1_000);
      return new SignJWT()
        .setProtectedHeader({ alg: 'EdDSA' })
        .setIssuer('hotswap')
        .setAudience(nodeId)
        .setIssuedAt(nowSeconds)
        .setExpirationTime(nowSeconds + Math.floor(lifetimeMs / 1_000))
        .sign(key);
    },
  };
}

async function makeKey(): Promise<Json> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return await exportJWK(privateKey);
}
