import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadServerConfig } from '@hotswap/server';
import { ensureAdmin, writeLocalAdmin } from '../src/auth/local-admin.ts';
import type { Credentials } from '../src/ports/credentials.ts';

describe('the credential of a local administrator', () => {
  let directory: string;
  /** Tokens by id, as the database of all servers holds them. */
  const held = new Map<string, string>();
  const credentials = {
    put: async ({ credentialId }: { readonly credentialId: string }, token: string) => {
      held.set(credentialId, token);
    },
    list: async () => [],
  } as unknown as Credentials;

  beforeEach(async () => {
    held.clear();
    directory = await mkdtemp(join(tmpdir(), 'hotswap-local-admin-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const start = async (name: string): Promise<string> => {
    const config = await loadServerConfig(['--data-dir', join(directory, name)], {});
    return (await ensureAdmin(config, credentials))?.token ?? '';
  };

  it('is the same for twenty servers that start at once on one data directory', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => start('shared')));
    expect(new Set(tokens).size).toBe(1);
    expect([...held.values()]).toEqual([tokens[0]]);
    expect(await readdir(join(directory, 'shared'))).toEqual(['local-admin.token']);
    expect((await stat(join(directory, 'shared', 'local-admin.token'))).mode & 0o777).toBe(0o600);
  });

  it('of one data directory does not replace that of another one on the same database', async () => {
    const tokens = [await start('first'), await start('second')];
    expect(new Set(tokens).size).toBe(2);
    expect([...held.values()]).toEqual(tokens);
  });

  it('is found again, also where only the file for the command line is', async () => {
    const token = await start('first');
    await writeLocalAdmin(join(directory, 'first'), { url: 'http://127.0.0.1:1', token });
    await rm(join(directory, 'first', 'local-admin.token'));
    expect(await start('first')).toBe(token);
    await writeFile(join(directory, 'first', 'local-admin.json'), 'half a f');
    const fresh = await start('first');
    expect(fresh).not.toBe(token);
    expect(await readFile(join(directory, 'first', 'local-admin.token'), 'utf8')).toBe(fresh);
  });
});
