import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentConfig } from '../src/config/agent-config.ts';
import { agentUsage, loadAgentConfig } from '../src/config/load-agent-config.ts';

/** The example of the deployment guide. */
const guide = {
  NodeId: 'edge-us-east-01',
  Region: 'us-east',
  Zone: 'us-east-1a',
  OrchestratorApiUrl: 'https://orchestrator.example.com/',
  Runtime: 'Wasmtime',
  RuntimeVersion: '15.0.0',
  MaxModules: 1000,
  HeartbeatInterval: 'PT30S',
  Hardware: { CpuCores: 8, TotalMemoryMB: 16384, Architecture: 'x86_64' },
};

describe('loadAgentConfig', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotswap-config-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function load(file: unknown, args: readonly string[] = [], env: Record<string, string> = {}): AgentConfig {
    const path = join(folder, 'edge-node-config.json');
    writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file));
    const command = loadAgentConfig(['--config', path, ...args], env);
    if (command.kind !== 'run') expect.unreachable();
    return command.config;
  }

  it('reads every key of the deployment guide', () => {
    expect(load(guide)).toMatchObject({
      nodeId: 'edge-us-east-01',
      region: 'us-east',
      zone: 'us-east-1a',
      orchestratorApiUrl: 'https://orchestrator.example.com',
      runtime: 'Wasmtime',
      runtimeVersion: '15.0.0',
      maxModules: 1000,
      heartbeatIntervalMs: 30_000,
      hardware: { cpuCores: 8, totalMemoryMB: 16384, architecture: 'x86_64' },
    });
  });

  it('reads the public port and its certificate, which comes whole or not at all', () => {
    const node = { NodeId: 'n', Region: 'r', OrchestratorApiUrl: 'http://127.0.0.1:5000', HttpPort: 8443 };
    const files = { HttpTlsCertFile: '/tls/cert.pem', HttpTlsKeyFile: '/tls/key.pem' };
    expect(load({ ...node, ...files, HttpHost: '0.0.0.0' }, ['--allow-private-addresses', 'true'])).toMatchObject({
      httpHost: '0.0.0.0',
      httpPort: 8443,
      httpTls: { certFile: '/tls/cert.pem', keyFile: '/tls/key.pem' },
      grants: { privateAddresses: true },
    });
    expect(() => load({ ...node, HttpTlsCertFile: '/tls/cert.pem' })).toThrow('belong together');
  });

  it('reads addresses and networks of trusted proxies, and nothing else', () => {
    const trustedProxies = ['10.0.0.5', '10.1.0.0/16', '::1', '2001:db8::/32'];
    expect(load({ ...guide, TrustedProxies: trustedProxies })).toMatchObject({ trustedProxies });
    expect(load(guide, [], { HOTSWAP_AGENT_TRUSTED_PROXIES: '["127.0.0.1"]' })).toMatchObject({
      trustedProxies: ['127.0.0.1'],
    });
    for (const wrong of ['localhost', '10.0.0.0/33', '10.0.0/8', ''])
      expect(() => load({ ...guide, TrustedProxies: [wrong] })).toThrow('TrustedProxies.0: must be an IP address');
  });

  it('fills defaults that deny everything', () => {
    const config = load({ NodeId: 'n', Region: 'r', OrchestratorApiUrl: 'http://127.0.0.1:5000' });
    expect(config).toMatchObject({
      grants: { env: [], dirs: {}, allowedHosts: [], privateAddresses: false },
      dataPlaneHost: '127.0.0.1',
      dataPlanePort: 0,
      httpHost: '127.0.0.1',
      httpPort: 0,
      trustedProxies: [],
      experimental: [],
      cacheMaxSizeBytes: 20_480 * 1_048_576,
      keepVersions: 2,
      drainGraceMs: 5_000,
    });
    expect(config.joinToken).toBeUndefined();
  });

  it('lets flags win over the environment, and that over the file', () => {
    const env = {
      HOTSWAP_AGENT_REGION: 'env',
      HOTSWAP_AGENT_ZONE: 'env',
      HOTSWAP_AGENT_JOIN_TOKEN: 'secret',
      HOTSWAP_AGENT_CACHE_MAX_SIZE_MB: '5',
      HOTSWAP_AGENT_DIRS: '{"d":{"Path":"/d"}}',
      HOTSWAP_AGENT_EXPERIMENTAL: '["preview3"]',
    };
    const config = load(guide, ['--zone', 'flag'], env);
    expect(config).toMatchObject({
      nodeId: 'edge-us-east-01',
      region: 'env',
      zone: 'flag',
      experimental: ['preview3'],
      joinToken: 'secret',
      cacheMaxSizeBytes: 5 * 1_048_576,
      grants: { dirs: { d: { path: '/d', readOnly: true } } },
    });
  });

  it('puts environment variables in the place of ${NAME}', () => {
    expect(load({ ...guide, JoinToken: '${TOKEN}' }, [], { TOKEN: 't-1' }).joinToken).toBe('t-1');
    expect(() => load({ ...guide, JoinToken: '${TOKEN}' })).toThrow(/TOKEN is not set/);
  });

  it.each<[string, unknown, readonly string[], RegExp]>([
    ['an unknown key', { ...guide, Colour: 'red' }, [], /Colour/],
    [
      'a key with a typo',
      { ...guide, HearbeatInterval: 'PT1S' },
      [],
      /HearbeatInterval.*did you mean HeartbeatInterval\?/,
    ],
    ['a flag with a typo', guide, ['--zoone', 'x'], /no option --zoone: did you mean zone\?/],
    ['a missing key', { Region: 'r', OrchestratorApiUrl: 'http://x' }, [], /NodeId/],
    ['a wrong address', { ...guide, OrchestratorApiUrl: 'ftp://x' }, [], /OrchestratorApiUrl/],
    ['a wrong duration', { ...guide, HeartbeatInterval: 'soon' }, [], /HeartbeatInterval/],
    ['a wrong number', guide, ['--max-modules', 'many'], /MaxModules/],
    ['a token on the command line', guide, ['--join-token', 'secret'], /join-token/],
    ['an experiment that there is not', { ...guide, Experimental: ['preview4'] }, [], /Experimental/],
    ['no JSON', '{', [], /holds no JSON/],
    ['a list', '[]', [], /no JSON object/],
  ])('refuses %s by name', (_what, file, args, message) => {
    expect(() => load(file, args)).toThrow(
      expect.objectContaining({ code: 'HS_AGENT_CONFIG_INVALID', message: expect.stringMatching(message) as unknown }),
    );
  });

  it('quotes nothing of a file that is no JSON, and no token of the command line', () => {
    for (const broken of ['{"JoinToken": "S3cr3t-hidden"', '{"JoinToken": S3cr3t-hidden}'])
      expect(() => load(broken)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('S3cr3t') as unknown }),
      );
    expect(() => load(guide, ['--join-token=S3cr3t-hidden'])).toThrow(
      /seen by everybody.*HOTSWAP_AGENT_JOIN_TOKEN instead$/,
    );
  });

  it('answers --help and --version', () => {
    expect(loadAgentConfig(['--help'], {})).toEqual({ kind: 'help' });
    expect(loadAgentConfig(['--version'], {})).toEqual({ kind: 'version' });
    expect(agentUsage()).toContain('--data-plane-port');
    expect(agentUsage()).not.toContain('--join-token ');
  });
});
