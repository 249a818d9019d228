/**
 * One step of the schema, applied in a transaction of its own. Steps are never changed once released; what a server of
 * the version before reads has to stay.
 * @internal
 */
export interface Migration {
  /** `<nnn>-<verb>`, as the file. */
  readonly name: string;
  /** Statements, separated by semicolons. */
  readonly sql: string;
}
