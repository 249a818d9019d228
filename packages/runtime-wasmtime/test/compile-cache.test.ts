import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isHotSwapError } from '@hotswap/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCompileCache } from '../src/compile-cache.ts';

describe('compile cache', () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'hotswap-cache-'));
  });
  afterEach(async () => {
    await rm(base, { recursive: true, force: true });
  });

  const refusal = async (): Promise<unknown> => {
    const error: unknown = await openCompileCache(base).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return isHotSwapError(error) ? error.code : error;
  };

  it('creates a folder and a key that only this user can use, and keeps the key', async () => {
    const first = await openCompileCache(join(base, 'a', 'b'));
    expect(first.keyHex).toMatch(/^[0-9a-f]{64}$/);
    expect((await stat(first.directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(base, 'a', 'b', 'mac.key'))).mode & 0o777).toBe(0o600);
    expect(await openCompileCache(join(base, 'a', 'b'))).toEqual(first);
  });

  it('agrees on one key when many open it at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => openCompileCache(base)));
    expect(new Set(keys.map(({ keyHex }) => keyHex)).size).toBe(1);
  });

  it('refuses a folder that others may write to', async () => {
    await openCompileCache(base);
    await chmod(base, 0o777);
    expect(await refusal()).toBe('HS_RUNTIME_CACHE_UNUSABLE');
  });

  it('refuses a key that others may read', async () => {
    await openCompileCache(base);
    await chmod(join(base, 'mac.key'), 0o644);
    expect(await refusal()).toBe('HS_RUNTIME_CACHE_UNUSABLE');
  });

  it('refuses a damaged key', async () => {
    await writeFile(join(base, 'mac.key'), 'short', { mode: 0o600 });
    expect(await refusal()).toBe('HS_RUNTIME_CACHE_UNUSABLE');
  });

  it('refuses a folder that is a link', async () => {
    const target = await mkdtemp(join(base, 'elsewhere-'));
    await symlink(target, join(base, 'code'));
    expect(await refusal()).toBe('HS_RUNTIME_CACHE_UNUSABLE');
  });

  it('names no path in its message', async () => {
    await writeFile(join(base, 'code'), 'a file');
    const error: unknown = await openCompileCache(base).catch((reason: unknown) => reason);
    expect(String(error)).toContain('EEXIST');
    expect(String(error)).not.toContain(base);
    expect(await readFile(join(base, 'code'), 'utf8')).toBe('a file');
  });
});
