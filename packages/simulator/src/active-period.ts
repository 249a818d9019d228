import { durationMs } from '@hotswap/core';
import type { SimulatedPeriod } from '@hotswap/protocol';

/** A period in milliseconds since execute; `endsMs` is infinite when nothing ends it. @internal */
export interface ActivePeriod {
  readonly beginsMs: number;
  readonly endsMs: number;
}

/** A duration of a scenario: ISO text, or seconds. @internal */
export function scenarioMs(duration: string | number): number {
  return typeof duration === 'number' ? duration * 1_000 : durationMs(duration);
}

/** @internal */
export function activePeriod({ at = 0, for: length }: SimulatedPeriod): ActivePeriod {
  const beginsMs = scenarioMs(at);
  return { beginsMs, endsMs: length === undefined ? Infinity : beginsMs + scenarioMs(length) };
}

/** @internal */
export const isActiveAt = ({ beginsMs, endsMs }: ActivePeriod, atMs: number): boolean =>
  atMs >= beginsMs && atMs < endsMs;
