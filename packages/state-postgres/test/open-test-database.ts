import { OwnDatabase } from '../../../scripts/services/own-database.ts';
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
  const own = await OwnDatabase.create(process.env['HOTSWAP_TEST_POSTGRES_URL'] ?? '');
  const database = await openDatabase({ url: own.url });
  return {
    database,
    url: own.url,
    close: async () => {
      await database[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
    },
  };
}
