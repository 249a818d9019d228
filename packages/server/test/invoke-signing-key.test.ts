import { importJWK, jwtVerify, type JWK } from 'jose';
import type { Json } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { openInvokeSigningKey } from '../src/auth/invoke-signing-key.ts';

/** Settings of one database, as several servers have them. */
class SharedValues {
  readonly #values = new Map<string, Json>();

  async findOrCreate(name: string, make: () => Promise<Json>): Promise<Json> {
    const made = this.#values.get(name) ?? (await make());
    // Whoever was first has made it.
    const kept = this.#values.get(name) ?? made;
    this.#values.set(name, kept);
    return kept;
  }
}

/** What a node makes of a token, with the key that it was given when it joined. */
async function admits(nodeId: string, publicKey: Readonly<Record<string, Json>>, token: string): Promise<boolean> {
  const key = await importJWK(publicKey as JWK, 'EdDSA');
  return jwtVerify(token, key, { algorithms: ['EdDSA'], audience: nodeId }).then(
    () => true,
    () => false,
  );
}

describe('tokens of calls', () => {
  it('are admitted by the node of that name of their own tenant, and by no other', async () => {
    const key = await openInvokeSigningKey(new SharedValues());
    const token = await key.sign('acme', 'edge-1', 60_000);
    expect(await admits('edge-1', await key.publicKeyOf('acme'), token)).toBe(true);
    expect(await admits('edge-2', await key.publicKeyOf('acme'), token)).toBe(false);
    expect(await admits('edge-1', await key.publicKeyOf('umbrella'), token)).toBe(false);
    expect(await admits('edge-1', await key.publicKeyOf('default'), token)).toBe(false);
  });

  it('of all servers of a database are signed with the same keys, which have no private part', async () => {
    const settings = new SharedValues();
    const [one, other] = [await openInvokeSigningKey(settings), await openInvokeSigningKey(settings)];
    for (const tenant of ['default', 'acme']) {
      const [ofOne, ofOther] = await Promise.all([one.publicKeyOf(tenant), other.publicKeyOf(tenant)]);
      expect(ofOne).toEqual(ofOther);
      expect(Object.keys(ofOne).sort()).toEqual(['crv', 'kty', 'x']);
      expect(await admits('edge-1', ofOne, await other.sign(tenant, 'edge-1', 60_000))).toBe(true);
    }
  });
});
