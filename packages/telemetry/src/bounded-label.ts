/**
 * Keeps the number of series finite where a label's values are other people's to choose: the first so many values stand
 * for themselves, everything after them is `other`.
 * @public
 */
export class BoundedLabel {
  readonly #limit: number;
  readonly #known = new Set<string>();

  /** @param limit Values that stand for themselves. Default 100 */
  constructor(limit = 100) {
    this.#limit = limit;
  }

  /** The value as a label. */
  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#limit) return 'other';
    this.#known.add(value);
    return value;
  }
}
