import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openDatabase, type Database } from '../src/index.ts';

/** Databases that the same tests run on: PGlite always, Postgres where the environment names one. */
export const backends: readonly {
  readonly name: string;
  readonly open: () => Promise<{ database: Database; close: () => Promise<void> }>;
}[] = [
  { name: 'PGlite', open: openPglite },
  ...(process.env['HOTSWAP_TEST_POSTGRES_URL'] === undefined ? [] : [{ name: 'Postgres', open: () => openPostgres() }]),
];

const failLoudly = (error: unknown): void => console.error('background error', error);

async function openPglite(): Promise<{ database: Database; close: () => Promise<void> }> {
  const database = await openDatabase({ inMemory: true, onBackgroundError: failLoudly });
  return { database, close: () => Promise.resolve(database[Symbol.asyncDispose]()) };
}

/** A database of its own on the test server, gone afterwards. */
export async function openPostgres(): Promise<{ database: Database; url: string; close: () => Promise<void> }> {
  const server = process.env['HOTSWAP_TEST_POSTGRES_URL'] ?? '';
  const name = `hotswap_${randomBytes(6).toString('hex')}`;
  const admin = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await admin(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const database = await openDatabase({ url: url.href });
  return {
    database,
    url: url.href,
    close: async () => {
      await database[Symbol.asyncDispose]();
      await admin(`drop database ${name} with (force)`);
    },
  };
}
