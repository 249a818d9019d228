import type { Json } from '@hotswap/core';

/**
 * A fixed SQL text that the server prepares once per connection. The text never depends on values.
 * @internal
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** What goes on record when it has changed something, by the values bound to it; `null`: nothing this time. */
  readonly act?: (values: readonly unknown[]) => StatementAct | null;
}

/** A change as the audit chain will hold it. @internal */
export interface StatementAct {
  readonly tenant: string;
  /** Dotted, e.g. `node.change`. */
  readonly action: string;
  /** Id of what is changed. */
  readonly object: string;
  /** Nothing secret. Default `null`. */
  readonly facts?: Json;
  /** Default: whoever the work is done for. */
  readonly actor?: string;
}

/**
 * Makes a statement; the name is unique within the package. One that changes what people or nodes have decided declares
 * its `act`; counters, reports of nodes and housekeeping have none.
 * @internal
 */
export function statement(name: string, text: string, act?: Statement['act']): Statement {
  return { name: `hs_${name}`, text, ...(act === undefined ? {} : { act }) };
}

/**
 * Something that runs SQL: the database (each call on its own) or a transaction (all calls together).
 * @public
 */
export interface Session {
  /** Rows that the statement returns. Values are bound to `$1`, `$2`, ...; JSON has to be passed as text. */
  query<Row extends object>(sql: Statement | string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Number of rows that the statement changed. */
  execute(sql: Statement | string, values?: readonly unknown[]): Promise<number>;
}
