import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadServerConfig } from '@hotswap/server';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('where a request comes from', () => {
  let test: TestServer;
  let agent: ScriptedAgent;

  async function start(trustedProxies: readonly string[]): Promise<void> {
    test = await startTestServer({ trustedProxies });
    const { token } = await test.client.nodes.createJoinToken();
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'eu', joinToken: token });
    await agent.start();
    const wasm = coreModule({ exports: ['hotswap_http_handle', 'health_check'] });
    await test.client.modules.register({ name: 'shop', version: '1.0.0', http: { access: 'public' }, wasm });
    const { deploymentId } = await test.client.deployments.create({ moduleId: 'shop-v1.0.0', strategy: 'AllAtOnce' });
    await test.client.deployments.execute(deploymentId);
    await vi.waitFor(
      async () => expect((await test.client.deployments.get(deploymentId)).status).toBe('Completed'),
      20_000,
    );
  }
  afterEach(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
  });

  /** Address and scheme that the module is told. */
  async function told(headers: Record<string, string>): Promise<readonly (string | undefined)[]> {
    const response = await fetch(`${test.url}/api/v1/wasm/http/shop/`, { headers });
    const seen = JSON.parse(response.headers.get('x-seen') ?? '') as { headers: Record<string, string> };
    return [seen.headers['x-forwarded-for'], seen.headers['x-forwarded-proto']];
  }

  it('is the connection, whatever the request says, when no proxy is trusted', async () => {
    await start([]);
    const forged = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', forwarded: 'for=1.2.3.4' };
    expect(await told(forged)).toEqual(['127.0.0.1', 'http']);
  });

  it('is the connection when another address is trusted than the one that it has', async () => {
    await start(['192.0.2.0/24', '::1']);
    expect(await told({ 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https' })).toEqual(['127.0.0.1', 'http']);
  });

  it('is what the last trusted proxy says, never what stands before it', async () => {
    await start(['127.0.0.0/8', '192.0.2.7']);
    expect(await told({ 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' })).toEqual([
      '203.0.113.9',
      'https',
    ]);
    expect(await told({ 'x-forwarded-for': '10.6.6.6, 203.0.113.9, 192.0.2.7' })).toEqual(['203.0.113.9', 'http']);
    expect(await told({})).toEqual(['127.0.0.1', 'http']);
  });
});

describe('trustedProxies', () => {
  it.each(['10.0.0.0/33', '10.0.0', 'proxy.example', '::1/129', '10.0.0.1/', '0.0.0.0/0/0'])(
    'refuses %s',
    async (text) => {
      await expect(loadServerConfig(['--trusted-proxies', text], {})).rejects.toMatchObject({
        code: 'HS_CONFIG_INVALID',
      });
    },
  );
  it('takes addresses and networks as a text, and is empty by default', async () => {
    const { trustedProxies } = await loadServerConfig([], { HOTSWAP_TRUSTED_PROXIES: '10.0.0.0/8, ::1' });
    expect(trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect((await loadServerConfig([], {})).trustedProxies).toEqual([]);
  });
});
