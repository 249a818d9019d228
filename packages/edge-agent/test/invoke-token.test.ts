import { SignJWT, exportJWK, generateKeyPair, type CryptoKey } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { InvokeTokens } from '../src/fronts/invoke-token.ts';

const now = 1_763_697_600;
const refused = { code: 'HS_AGENT_UNAUTHENTICATED', httpStatus: 401 };

describe('InvokeTokens', () => {
  let key: CryptoKey;
  let tokens: InvokeTokens;

  beforeEach(async () => {
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    key = pair.privateKey;
    tokens = new InvokeTokens('edge-1', () => now * 1_000);
    tokens.trust(await exportJWK(pair.publicKey));
  });

  async function header(
    claims: { readonly aud?: string; readonly exp?: number },
    signer: CryptoKey = key,
  ): Promise<string> {
    return `Bearer ${await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(signer)}`;
  }

  it('admits a token of the server for this node and knows it again without cryptography', async () => {
    const good = await header({ aud: 'edge-1', exp: now + 60 });
    expect(tokens.isAdmitted(good)).toBe(false);
    await tokens.admit(good);
    expect(tokens.isAdmitted(good)).toBe(true);
  });

  it.each([
    ['for another node', { aud: 'edge-2', exp: now + 60 }],
    ['for nobody', { exp: now + 60 }],
    ['without an end', { aud: 'edge-1' }],
    ['that has ended', { aud: 'edge-1', exp: now - 61 }],
    ['that lives too long', { aud: 'edge-1', exp: now + 3_600 }],
  ])('refuses a token %s', async (_what, claims) => {
    const bad = await header(claims);
    await expect(tokens.admit(bad)).rejects.toMatchObject(refused);
    expect(tokens.isAdmitted(bad)).toBe(false);
  });

  it('forgives a minute between clocks', async () => {
    await tokens.admit(await header({ aud: 'edge-1', exp: now - 30 }));
  });

  it('refuses another key, another algorithm and what is no token', async () => {
    const other = await generateKeyPair('EdDSA');
    await expect(tokens.admit(await header({ aud: 'edge-1', exp: now + 60 }, other.privateKey))).rejects.toMatchObject(
      refused,
    );
    const hmac = await new SignJWT({ aud: 'edge-1', exp: now + 60 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new Uint8Array(32));
    await expect(tokens.admit(`Bearer ${hmac}`)).rejects.toMatchObject(refused);
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ aud: 'edge-1', exp: now + 60 })).toString('base64url')}.`;
    await expect(tokens.admit(`Bearer ${unsigned}`)).rejects.toMatchObject(refused);
    for (const junk of [undefined, '', 'Bearer ', 'Bearer x', 'Basic eDp5'])
      await expect(tokens.admit(junk)).rejects.toMatchObject(refused);
  });

  it('refuses everything until it knows a key, and what it knew once the key has changed', async () => {
    const good = await header({ aud: 'edge-1', exp: now + 60 });
    await expect(new InvokeTokens('edge-1', () => now * 1_000).admit(good)).rejects.toMatchObject(refused);
    await tokens.admit(good);
    const other = await generateKeyPair('EdDSA', { extractable: true });
    tokens.trust(await exportJWK(other.publicKey));
    expect(tokens.isAdmitted(good)).toBe(false);
    await expect(tokens.admit(good)).rejects.toMatchObject(refused);
  });

  it('lives with a key that is none', async () => {
    tokens.trust({ kty: 'nonsense' });
    await expect(tokens.admit(await header({ aud: 'edge-1', exp: now + 60 }))).rejects.toMatchObject(refused);
  });
});
