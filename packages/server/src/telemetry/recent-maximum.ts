/** Largest value of the last minutes by name: a maximum that forgets what has not been seen for long. @internal */
export class RecentMaximum {
  readonly #windowMs: number;
  #current = new Map<string, number>();
  #before = new Map<string, number>();
  #beganAt = 0;

  /** @param windowMs A value is forgotten after one to two of it. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** @param nowMs Monotonic milliseconds. */
  note(name: string, value: number, nowMs: number): void {
    this.#turn(nowMs);
    if (value > (this.#current.get(name) ?? 0)) this.#current.set(name, value);
  }

  entries(nowMs: number): readonly (readonly [string, number])[] {
    this.#turn(nowMs);
    const all = new Map<string, number>(this.#before);
    for (const [name, value] of this.#current) all.set(name, Math.max(value, all.get(name) ?? 0));
    return [...all];
  }

  #turn(nowMs: number): void {
    const passed = nowMs - this.#beganAt;
    if (passed < this.#windowMs) return;
    this.#before = passed < 2 * this.#windowMs ? this.#current : new Map<string, number>();
    this.#current = new Map();
    this.#beganAt = nowMs;
  }
}
