/** A wish to do something a number of times. @public */
export interface RateQuestion {
  /** Who asks for what; counted apart from every other key. */
  readonly key: string;
  /** How often it is to be done; a part of it may be granted. */
  readonly amount: number;
  /** How often it may be done within a window. The same for every question of a key, or the lower one holds while it is asked. */
  readonly limit: number;
  /** Length of a window. Windows begin at multiples of it. */
  readonly windowMs: number;
}

/** What a question came to. @public */
export interface RateGrant {
  /** At most what was asked for; 0: not now. What is refused is not counted. */
  readonly granted: number;
  /** What could still be granted right now. */
  readonly remaining: number;
  /** Until this window ends. */
  readonly resetMs: number;
  /** Until something can be granted again; 0 when something remains. */
  readonly retryAfterMs: number;
}

/**
 * Counts how often something is done. Of the window before as much still counts as lies less than one window back, as if
 * it had been spread evenly: no moment lets twice the limit through. Answers at once where that is possible, so that
 * whoever asks need not wait for a promise. One that several servers share never grants more than the limit to all of them
 * together; it may forget, and then begins anew.
 * @public
 */
export interface RateCounter {
  take(question: RateQuestion): RateGrant | Promise<RateGrant>;
}

/** How often something was done in this window and the one before. @public */
export interface WindowCounts {
  readonly current: number;
  readonly previous: number;
  /** Of this window. */
  readonly elapsedMs: number;
}

/**
 * What a question comes to by the counts of two windows: the arithmetic that every counter shares.
 * @public
 */
export function rateGrant({ amount, limit, windowMs }: RateQuestion, counts: WindowCounts): RateGrant {
  const { current, previous, elapsedMs } = counts;
  const weighted = previous * (1 - elapsedMs / windowMs);
  const room = Math.max(0, Math.floor(limit - weighted - current));
  const granted = Math.min(amount, room);
  const resetMs = windowMs - elapsedMs;
  const remaining = room - granted;
  if (remaining > 0) return { granted, remaining, resetMs, retryAfterMs: 0 };
  return { granted, remaining, resetMs, retryAfterMs: waitMs(limit, windowMs, current + granted, previous, elapsedMs) };
}

/** Until one more would be granted: still in this window as the one before fades, or in the next one as this one does. */
function waitMs(limit: number, windowMs: number, current: number, previous: number, elapsedMs: number): number {
  const fadedAt = (count: number, free: number): number => (count <= free ? 0 : windowMs * (1 - free / count));
  if (current + 1 <= limit) return Math.max(0, fadedAt(previous, limit - 1 - current) - elapsedMs);
  return windowMs - elapsedMs + fadedAt(current, limit - 1);
}
