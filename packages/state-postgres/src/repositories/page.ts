import type { Session, Statement } from '../database/session.ts';
import { stateError } from '../error-codes.ts';

/** Part of a list in its stable order. @public */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Where the next page begins; `null` on the last one. */
  readonly nextCursor: string | null;
}

/** What every list takes besides its filters. @public */
export interface PageQuery {
  /** Most items of the page. Default 50, at most 200. */
  readonly limit?: number;
  /** `nextCursor` of the page before. Absent: the first page. */
  readonly cursor?: string | undefined;
}

const defaultLimit = 50;
const highestLimit = 200;

/** Rows to ask for: one more than the page, which tells whether there is another one. @internal */
export function limitOf(query: PageQuery): number {
  return Math.min(Math.max(1, query.limit ?? defaultLimit), highestLimit) + 1;
}

/**
 * The last key of the page before, as text; `null` for the first page.
 * @throws HS_STORE_INVALID_CURSOR
 * @internal
 */
export function readCursor(query: PageQuery, parts: number): readonly string[] | null {
  if (query.cursor === undefined) return null;
  try {
    const key = JSON.parse(Buffer.from(query.cursor, 'base64url').toString('utf8')) as unknown;
    if (Array.isArray(key) && key.length === parts && key.every((part) => typeof part === 'string')) return key;
  } catch {
    // Reported below: what it was instead is nobody's business.
  }
  throw stateError('HS_STORE_INVALID_CURSOR');
}

/** The same for lists whose key is a number. */
function readOrdinal(query: PageQuery): number | null {
  const key = readCursor(query, 1);
  if (key === null) return null;
  const ordinal = Number(key[0]);
  if (!Number.isSafeInteger(ordinal)) throw stateError('HS_STORE_INVALID_CURSOR');
  return ordinal;
}

/** Makes the page out of up to one row more than it holds. @internal */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly (string | number)[],
  itemOf: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit - 1);
  const last = rows.length === limit ? shown.at(-1) : undefined;
  return {
    items: shown.map(itemOf),
    nextCursor: last === undefined ? null : Buffer.from(JSON.stringify(keyOf(last).map(String))).toString('base64url'),
  };
}

/**
 * A page of a list in the order of its rows' `ordinal`, which the items do not show. The statement's last two parameters
 * are the ordinal that the page begins after (`null`: the first page) and how many rows to read.
 * @throws HS_STORE_INVALID_CURSOR
 * @internal
 */
export async function readPageByOrdinal<Row extends object, Item>(
  session: Session,
  sql: Statement,
  filters: readonly unknown[],
  query: PageQuery,
  itemOf: (row: Row) => Item,
): Promise<Page<Item>> {
  const limit = limitOf(query);
  const rows = await session.query<Row & { ordinal: number }>(sql, [...filters, readOrdinal(query), limit]);
  return toPage(
    rows,
    limit,
    ({ ordinal }) => [ordinal],
    ({ ordinal: _ordinal, ...row }) => itemOf(row as unknown as Row),
  );
}
