import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadServerConfig } from '@hotswap/server';

describe('loadServerConfig', () => {
  let directory: string;
  let file: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-config-'));
    file = join(directory, 'hotswap.config.json');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('needs nothing in Development', async () => {
    expect(await loadServerConfig([], {})).toMatchObject({
      environment: 'Development',
      host: '127.0.0.1',
      port: 5000,
      requireApproval: false,
      maxWasmSizeBytes: 52_428_800,
      retention: 'PT1H',
    });
  });

  it('listens to everybody and requires approval in Production', async () => {
    expect(await loadServerConfig([], { ENVIRONMENT: 'production' })).toMatchObject({
      environment: 'Production',
      host: '0.0.0.0',
      requireApproval: true,
    });
  });

  it('takes flags before environment before file before defaults', async () => {
    await writeFile(file, JSON.stringify({ Port: 1, logLevel: 'Warning', retention: 'PT2H', maxWasmSizeBytes: 2_048 }));
    const env = { HOTSWAP_PORT: '2', SERVER_PORT: '9', HOTSWAP_RETENTION: 'PT3H', MAX_WASM_SIZE: '10485760' };
    expect(await loadServerConfig(['--config', file, '--port', '3', '--data-dir', directory], env)).toMatchObject({
      port: 3,
      retention: 'PT3H',
      logLevel: 'warn',
      maxWasmSizeBytes: 10_485_760,
      dataDir: directory,
    });
  });

  it.each([
    [['--port', 'http'], {}, /port \(from --port\)/],
    [[], { HOTSWAP_PORT: '70000' }, /port \(from HOTSWAP_PORT\)/],
    [[], { DATABASE_URL: 'mysql://x' }, /databaseUrl \(from DATABASE_URL\): must begin with postgres/],
    [['--colour', 'red'], {}, /colour/],
    [['--config', '/nowhere/at-all.json'], {}, /cannot be read \(ENOENT\)/],
  ])('refuses %j with %j and says where it came from', async (args, env, message) => {
    await expect(loadServerConfig(args, env)).rejects.toMatchObject({
      code: 'HS_CONFIG_INVALID',
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('refuses files that are no JSON object or have unknown keys', async () => {
    await writeFile(file, '[]');
    await expect(loadServerConfig(['--config', file], {})).rejects.toMatchObject({ code: 'HS_CONFIG_INVALID' });
    await writeFile(file, '{');
    await expect(loadServerConfig(['--config', file], {})).rejects.toMatchObject({ code: 'HS_CONFIG_INVALID' });
    await writeFile(file, '{"colour": 1}');
    await expect(loadServerConfig(['--config', file], {})).rejects.toThrow(/colour \(from the file\)/);
  });
});
