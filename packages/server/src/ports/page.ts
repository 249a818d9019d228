/** Part of a list in its stable order. @internal */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** @internal */
export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string | undefined;
}
