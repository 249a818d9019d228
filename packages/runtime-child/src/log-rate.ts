/** Time over which an allowance that was used up grows back. */
const periodMs = 1_000;

/**
 * How much all calls of a module may log in a second.
 * @internal
 */
export class LogRate {
  readonly #bytesPerSecond: number;
  readonly #nowMs: () => number;
  #leftBytes: number;
  #sinceMs: number;

  constructor(bytesPerSecond: number, nowMs: () => number = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#nowMs = nowMs;
    this.#leftBytes = bytesPerSecond;
    this.#sinceMs = nowMs();
  }

  get leftBytes(): number {
    this.#grow();
    return this.#leftBytes;
  }

  /** How many of so many bytes may be kept. */
  take(askedBytes: number): number {
    const granted = Math.min(this.leftBytes, askedBytes);
    this.#leftBytes -= granted;
    return granted;
  }

  #grow(): void {
    const nowMs = this.#nowMs();
    const gained = Math.floor((Math.min(periodMs, nowMs - this.#sinceMs) * this.#bytesPerSecond) / periodMs);
    // Steps too short to gain a byte must not use up the time.
    if (gained <= 0) return;
    this.#leftBytes = Math.min(this.#bytesPerSecond, this.#leftBytes + gained);
    this.#sinceMs = nowMs;
  }
}
