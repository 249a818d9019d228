import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnDatabase } from '../../../scripts/services/own-database.ts';
import { programFile } from '../../../scripts/services/program-file.ts';
import { startServices } from '../../../scripts/services.mjs';

const script = fileURLToPath(new URL('../../../deploy/scripts/restore.sh', import.meta.url));
const run = promisify(execFile);

/** Two tables as pg_dump writes them. */
const dump = ['first', 'second']
  .map((table) => `create table public.${table} (n int);\nCOPY public.${table} (n) FROM stdin;\n1\n2\n3\n\\.\n`)
  .join('');

describe('a database that is restored', () => {
  let services: Awaited<ReturnType<typeof startServices>>;
  let folder: string;
  let own: OwnDatabase;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    services = await startServices();
    const server = services.environment.HOTSWAP_TEST_POSTGRES_URL ?? expect.unreachable(services.missing.join('; '));
    own = await OwnDatabase.create(server);
    folder = await mkdtemp(join(tmpdir(), 'hotswap-restore-'));
    env = { PATH: process.env['PATH'], DATABASE_URL: own.url, PSQL: await programFile(folder, 'psql') };
    await writeFile(join(folder, 'backup.sql.gz'), gzipSync(dump));
  }, 300_000);
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    await services.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const query = async (sql: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: own.url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const tables = (): Promise<unknown[]> =>
    query(`select table_name as name from information_schema.tables where table_schema = 'public' order by 1`);
  const reset = (): Promise<unknown[]> =>
    query('drop schema public cascade; create schema public; create table public.old (n int)');
  const restore = (path = env['PATH']): Promise<{ code: number; stderr: string }> =>
    run(script, ['-y', join(folder, 'backup.sql.gz')], { env: { ...env, PATH: path } }).then(
      ({ stderr }) => ({ code: 0, stderr }),
      (error: { code: number; stderr: string }) => error,
    );

  it('is as it was in the backup', async () => {
    await reset();
    expect((await restore()).code).toBe(0);
    expect(await tables()).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect(await query('select sum(n)::int as sum from second')).toEqual([{ sum: 6 }]);
  });

  it.each([
    ['between two tables', '/^create table public.second/,$d'],
    ['in the middle of one', '/^2$/,$d'],
  ])('is untouched when reading the backup ends %s', async (_where, cut) => {
    await reset();
    const bin = join(folder, 'bin');
    await mkdir(bin, { recursive: true });
    const { stdout } = await run('sh', ['-c', 'command -v gzip'], { env: { PATH: process.env['PATH'] } });
    const gzip = stdout.trim();
    const lines = [
      '#!/bin/sh',
      `if [ "$1" = -dc ]; then '${gzip}' "$@" | sed '${cut}'; exit 1; fi`,
      `exec '${gzip}' "$@"`,
    ];
    await writeFile(join(bin, 'gzip'), `${lines.join('\n')}\n`);
    await chmod(join(bin, 'gzip'), 0o755);
    const ended = await restore([bin, process.env['PATH']].join(delimiter));
    expect(ended.code).not.toBe(0);
    expect(await tables()).toEqual([{ name: 'old' }]);
    expect(ended.stderr).toContain('not restored');
  });

  it('is untouched when the backup holds a statement that the database refuses', async () => {
    await reset();
    await writeFile(join(folder, 'backup.sql.gz'), gzipSync(`${dump}select 1 / 0;\n`));
    expect((await restore()).code).not.toBe(0);
    expect(await tables()).toEqual([{ name: 'old' }]);
  });
});
