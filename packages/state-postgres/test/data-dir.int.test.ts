import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/index.ts';

const writer = new URL('write-until-killed.ts', import.meta.url).pathname;

describe('a data directory', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-data-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const startWriter = (): ChildProcess =>
    spawn(process.execPath, ['--conditions=@hotswap/source', writer, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  it('survives kill -9 during writes: nothing acknowledged is lost, nothing is half', async () => {
    let acknowledged = 0;
    for (let round = 1; round <= 4; round++) {
      const child = startWriter();
      const closed = once(child, 'close');
      let written = 0;
      for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
        if (line === 'ready') continue;
        acknowledged = Math.max(acknowledged, Number(line));
        if (++written === 40 * round) child.kill('SIGKILL');
      }
      await closed;
    }
    await using database = await openDatabase({ dataDir: directory });
    const [found] = await database.query<{ highest: number; rows: number }>(
      'select max(id)::int as highest, count(*)::int as rows from pairs',
    );
    expect(found?.highest).toBeGreaterThanOrEqual(acknowledged);
    expect(found?.rows).toBe((found?.highest ?? 0) * 2);
  });

  it('refuses a second process and names the first, then is free again', async () => {
    const child = startWriter();
    const closed = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      if (line !== 'ready') break;
    }
    const refusal = openDatabase({ dataDir: directory });
    await expect(refusal).rejects.toMatchObject({
      code: 'HS_STORE_DATA_DIR_LOCKED',
      details: { pid: child.pid, host: hostname() },
    });
    child.kill('SIGKILL');
    await closed;
    const database = await openDatabase({ dataDir: directory });
    await expect(openDatabase({ dataDir: directory })).rejects.toMatchObject({
      code: 'HS_STORE_DATA_DIR_LOCKED',
      details: { pid: process.pid },
    });
    await database[Symbol.asyncDispose]();
    await expect(stat(join(directory, 'hotswap.lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes over the lock of a process whose id somebody else has now', async () => {
    await writeFile(
      join(directory, 'hotswap.lock'),
      JSON.stringify({ pid: process.ppid, host: hostname(), started: '1' }),
    );
    await using _database = await openDatabase({ dataDir: directory });
    expect(JSON.parse(await readFile(join(directory, 'hotswap.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it('believes a holder on another host while its lock is fresh', async () => {
    await writeFile(join(directory, 'hotswap.lock'), JSON.stringify({ pid: 1, host: 'elsewhere', started: null }));
    await expect(openDatabase({ dataDir: directory })).rejects.toMatchObject({
      code: 'HS_STORE_DATA_DIR_LOCKED',
      details: { pid: 1, host: 'elsewhere' },
    });
    await rm(join(directory, 'hotswap.lock'));
  });

  it('is for its owner alone', async () => {
    expect((await stat(directory)).mode & 0o077).toBe(0);
  });
});
