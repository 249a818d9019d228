import { z } from 'zod';
import type { Instant } from './deployment.ts';

/** Days as windows name them, in the order of the week. @public */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** @see {@link weekdays} @public */
export type Weekday = (typeof weekdays)[number];

/**
 * Hours in which a rollout may go on, by the clocks of a place. Summer time moves with them: a window that a change of
 * the clocks skips does not happen that day.
 * @public
 */
export interface OffPeakWindow {
  /** IANA name, e.g. `Europe/Berlin`. */
  readonly timeZone: string;
  /** Days on which it opens. Default: every day. */
  readonly days?: readonly Weekday[];
  /** Local time at which it opens, `HH:MM`. */
  readonly from: string;
  /** Local time at which it closes, `HH:MM` up to `24:00`; at or before `from` it is of the next day. */
  readonly to: string;
}

const daySeconds = 86_400;
const weekSeconds = 7 * daySeconds;
/** The first second of 1970 was in the fourth day of a week that begins on Monday. */
const epochWeekSecond = 3 * daySeconds;

/** Each takes some 30 kB, and there are as many names as there are minutes in two days: those used last are kept. */
const mostClocks = 64;
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  // Names are the same in large and small ASCII letters; others that fold to one of those are of no name.
  const name = timeZone.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  let clock = clocks.get(name);
  if (!clock) {
    const parts = { weekday: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
    clock = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts });
  }
  clocks.delete(name);
  clocks.set(name, clock);
  const [oldest] = clocks.size > mostClocks ? clocks.keys() : [];
  if (oldest !== undefined) clocks.delete(oldest);
  return clock;
}

function isTimeZone(name: string): boolean {
  try {
    clockOf(name);
    return true;
  } catch {
    return false;
  }
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

/** Local seconds since Monday 00:00. */
function localWeekSecond(timeZone: string, second: number): number {
  const at: Record<string, string> = {};
  for (const { type, value } of clockOf(timeZone).formatToParts(second * 1_000)) at[type] = value;
  const day = weekdays.indexOf(String(at['weekday']).toLowerCase() as Weekday);
  return day * daySeconds + Number(at['hour']) * 3_600 + Number(at['minute']) * 60 + Number(at['second']);
}

/** How far local clocks are ahead of UTC, in seconds within a week. */
const offsetOf = (timeZone: string, second: number): number =>
  modulo(localWeekSecond(timeZone, second) - second - epochWeekSecond, weekSeconds);

const secondOfDay = (time: string): number => Number(time.slice(0, 2)) * 3_600 + Number(time.slice(3)) * 60;

/** Stretches of the local week that a window covers: start in the week, and length. */
function stretchesOf({ days = weekdays, from, to }: OffPeakWindow): readonly { start: number; length: number }[] {
  const begin = secondOfDay(from);
  const end = secondOfDay(to);
  const length = end > begin ? end - begin : end + daySeconds - begin;
  return days.map((day) => ({ start: weekdays.indexOf(day) * daySeconds + begin, length }));
}

function isOpenAt(window: OffPeakWindow, second: number): boolean {
  const local = localWeekSecond(window.timeZone, second);
  return stretchesOf(window).some(({ start, length }) => modulo(local - start, weekSeconds) < length);
}

/** Whether any of the windows is open. @internal */
export function isOffPeak(windows: readonly OffPeakWindow[], at: Instant): boolean {
  return windows.some((window) => isOpenAt(window, Math.floor(at / 1_000)));
}

/** First moment from `at` on at which any of the windows is open. @internal */
export function nextOffPeak(windows: readonly OffPeakWindow[], at: Instant): Instant {
  const second = Math.floor(at / 1_000);
  const openings = windows.map((window) => nextOpening(window, second));
  return Math.max(at, Math.min(...openings) * 1_000);
}

/**
 * By the clock of the moment the next opening is so many seconds away. Where the clocks change before that, the search
 * goes on from the change with the clock of then.
 */
function nextOpening(window: OffPeakWindow, from: number): number {
  for (let second = from; ;) {
    if (isOpenAt(window, second)) return second;
    const local = localWeekSecond(window.timeZone, second);
    const away = Math.min(...stretchesOf(window).map(({ start }) => modulo(start - local, weekSeconds)));
    const offset = offsetOf(window.timeZone, second);
    if (offsetOf(window.timeZone, second + away) === offset) return second + away;
    second = changeBetween(window.timeZone, second, second + away);
  }
}

/** First second of another offset than at `before`; the one at `after` differs. */
function changeBetween(timeZone: string, before: number, after: number): number {
  const offset = offsetOf(timeZone, before);
  let [low, high] = [before, after];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetOf(timeZone, middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}

const opening = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a local time such as 02:00');
const closing = z
  .string()
  .regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'must be a local time such as 05:00 or 24:00');

/** Reads one window; an empty one is refused at `to`. @public */
export const offPeakWindowSchema: z.ZodType<OffPeakWindow, unknown> = z
  .strictObject({
    timeZone: z.string().max(100).refine(isTimeZone, { error: 'must be an IANA time zone such as Europe/Berlin' }),
    days: z.array(z.enum(weekdays)).min(1).max(7).readonly().exactOptional(),
    from: opening,
    to: closing,
  })
  .superRefine(({ from, to, days = [] }, context) => {
    if (from === to)
      context.addIssue({ code: 'custom', path: ['to'], message: 'must differ from the opening: the window is empty' });
    days.forEach((day, index) => {
      if (days.indexOf(day) < index)
        context.addIssue({ code: 'custom', path: ['days', index], message: `names ${day} twice` });
    });
  });

function overlaps(a: OffPeakWindow, b: OffPeakWindow): boolean {
  return stretchesOf(a).some((one) =>
    stretchesOf(b).some(
      (other) =>
        modulo(other.start - one.start, weekSeconds) < one.length ||
        modulo(one.start - other.start, weekSeconds) < other.length,
    ),
  );
}

/** Reads the windows of one place: one time zone, at least one window, none over another. @public */
export const offPeakWindowsSchema: z.ZodType<readonly OffPeakWindow[], unknown> = z
  .array(offPeakWindowSchema)
  .min(1)
  .max(50)
  .readonly()
  .superRefine((windows, context) => {
    windows.forEach((window, index) => {
      const earlier = windows.slice(0, index);
      if (window.timeZone !== windows[0]?.timeZone)
        context.addIssue({
          code: 'custom',
          path: [index, 'timeZone'],
          message: `must be ${String(windows[0]?.timeZone)} as in the first: windows of one place share its clocks`,
        });
      const over = earlier.findIndex((other) => overlaps(window, other));
      if (over >= 0) context.addIssue({ code: 'custom', path: [index], message: `overlaps window ${String(over)}` });
    });
  });
