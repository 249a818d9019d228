/**
 * A fixed SQL text that the server prepares once per connection. The text never depends on values.
 * @internal
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Makes a statement; the name is unique within the package. @internal */
export function statement(name: string, text: string): Statement {
  return { name: `hs_${name}`, text };
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
