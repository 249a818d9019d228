import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDatabase } from '@hotswap/state-postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnDatabase } from '../../../scripts/services/own-database.ts';
import { programFile } from '../../../scripts/services/program-file.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const scripts = at('deploy/scripts');
const run = promisify(execFile);
const postgres = process.env['HOTSWAP_TEST_POSTGRES_URL'];

describe.runIf(postgres !== undefined)('backups of a Postgres server', () => {
  let folder: string;
  let url: string;
  let env: NodeJS.ProcessEnv;
  let own: OwnDatabase;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-backup-'));
    own = await OwnDatabase.create(postgres ?? '');
    url = own.url;
    env = {
      PATH: process.env['PATH'],
      DATABASE_URL: url,
      BACKUP_DIR: join(folder, 'backups'),
      PG_DUMP: await programFile(folder, 'pg_dump'),
      PSQL: await programFile(folder, 'psql'),
    };
  }, 300_000);
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const script = (name: string, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}): ReturnType<typeof run> =>
    run(join(scripts, name), [...args], { env: { ...env, ...more } });

  async function query<T extends pg.QueryResultRow>(sql: string): Promise<readonly T[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Every table with its rows, as one text. */
  async function content(): Promise<string> {
    const tables = await query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname !~ '^pg_' and schemaname <> 'information_schema' order by 1`,
    );
    const rows = await Promise.all(
      tables.map(
        async ({ name }) => `${name} ${JSON.stringify(await query(`select t::text from ${name} t order by 1`))}`,
      ),
    );
    return rows.join('\n');
  }

  it('bring back every table as it was, in a schema of now, and forget what came after', async () => {
    const store = await openDatabase({ url });
    await store[Symbol.asyncDispose]();
    await query(`create table kept (id int primary key, what text); insert into kept values (1, $$it's; "quoted"$$)`);
    const before = await content();
    expect(before).toContain('modules');
    const { stdout } = await script('backup.sh');
    const file = String(stdout).trim();
    expect(file).toMatch(/\/wasm-orchestrator-\d{8}-\d{6}\.sql\.gz$/);

    await query(`drop table kept; create table later (id int); create schema further; create table further.t (id int)`);
    expect(await content()).not.toBe(before);
    const told = await script('restore.sh', ['-y', 'latest']);
    expect(String(told.stdout)).toBe(`restored from ${file}\n`);
    expect(await content()).toBe(before);
    const again = await openDatabase({ url });
    await again[Symbol.asyncDispose]();
  }, 60_000);

  it('leave the database alone when the backup breaks in the middle', async () => {
    const before = await content();
    const broken = join(folder, 'broken.sql');
    await writeFile(broken, 'create table half (id int);\nselect nothing from nowhere;\n');
    await run('gzip', [broken]);
    await expect(script('restore.sh', ['-y', `${broken}.gz`])).rejects.toMatchObject({ stderr: /nowhere/ });
    await writeFile(join(folder, 'cut.sql.gz'), (await readFile(`${broken}.gz`)).subarray(0, 40));
    await expect(script('restore.sh', ['-y', join(folder, 'cut.sql.gz')])).rejects.toMatchObject({
      stderr: /unexpected end/,
    });
    await expect(script('restore.sh', ['latest'])).rejects.toMatchObject({ code: 2, stderr: /give -y/ });
    expect(await content()).toBe(before);
  }, 60_000);

  it('are kept thirty days, or as long as is said, and nothing else is deleted', async () => {
    const backups = join(folder, 'kept');
    await mkdir(backups);
    const name = (days: number): string => `wasm-orchestrator-old-${days}.sql.gz`;
    for (const days of [1, 8, 29, 40]) {
      const when = new Date(Date.now() - days * 86_400_000);
      for (const file of [name(days), `other-${days}.sql.gz`]) {
        await writeFile(join(backups, file), '');
        await utimes(join(backups, file), when, when);
      }
    }
    const kept = async (): Promise<readonly string[]> =>
      (await readdir(backups)).filter((file) => file.includes('old')).toSorted();
    await script('backup.sh', ['-d', backups]);
    expect(await kept()).toEqual([1, 29, 8].map(name));
    await script('backup.sh', ['-d', backups, '-k', '7']);
    expect(await kept()).toEqual([name(1)]);
    expect((await readdir(backups)).filter((file) => file.startsWith('other'))).toHaveLength(4);
    await expect(script('backup.sh', ['-k', 'many'])).rejects.toMatchObject({ code: 2 });
  }, 60_000);

  it('take module bytes along, and bring what is finished elsewhere', async () => {
    const modules = join(folder, 'modules');
    await mkdir(modules);
    await writeFile(join(modules, 'a'), 'bytes');
    const upload = join(folder, 'upload.sh');
    await writeFile(upload, `#!/bin/sh\necho "$1" >> ${join(folder, 'uploaded')}\n`);
    await chmod(upload, 0o755);
    await script('backup.sh', ['-d', join(folder, 'both'), '-m', modules], { BACKUP_UPLOAD: upload });
    const uploaded = (await readFile(join(folder, 'uploaded'), 'utf8')).trim().split('\n');
    expect(uploaded).toEqual([expect.stringMatching(/\.sql\.gz$/), expect.stringMatching(/wasm-modules-.*\.tar\.gz$/)]);
    const { stdout } = await run('tar', ['-xzOf', uploaded[1] ?? '', './a']);
    expect(stdout).toBe('bytes');
  }, 60_000);

  it('that fail leave no file behind, and tell no password', async () => {
    const backups = join(folder, 'failed');
    const wrong = url.replace(/:[^:@/]+@/, ':S3cr3t-hidden@');
    const failed = script('backup.sh', ['-d', backups], { DATABASE_URL: wrong });
    await expect(failed).rejects.toMatchObject({ stderr: expect.not.stringContaining('S3cr3t-hidden') as unknown });
    expect(await readdir(backups)).toEqual([]);
  }, 60_000);
});
