import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { offPeakWindowsSchema, weekdays, type OffPeakWindow } from '@hotswap/core';
import { isOffPeak, nextOffPeak } from '../src/model/off-peak-window.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const at = (text: string): number => Date.parse(text);
const night: OffPeakWindow = { timeZone: 'Europe/Berlin', from: '02:00', to: '05:00' };

/** What clocks on a wall there show, read in another way than the code under test does it. */
function wallClock(timeZone: string, instant: number): { readonly day: number; readonly minutes: number } {
  const shown = new Date(instant).toLocaleString('sv-SE', { timeZone });
  const midnight = new Date(`${shown.slice(0, 10)}T00:00:00Z`);
  return {
    day: (midnight.getUTCDay() + 6) % 7,
    minutes: Number(shown.slice(11, 13)) * 60 + Number(shown.slice(14, 16)),
  };
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

function isOpen({ timeZone, days = weekdays, from, to }: OffPeakWindow, instant: number): boolean {
  const { day: today, minutes } = wallClock(timeZone, instant);
  const opensOn = (which: number): boolean => days.includes(weekdays[(which + 7) % 7] as (typeof weekdays)[number]);
  const [opens, closes] = [minutesOf(from), minutesOf(to)];
  if (closes > opens) return opensOn(today) && minutes >= opens && minutes < closes;
  return (opensOn(today) && minutes >= opens) || (opensOn(today - 1) && minutes < closes);
}

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(([hours, minutes]) => `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`);
const windows = fc
  .record({
    timeZone: fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Asia/Kolkata',
      'Africa/Casablanca',
      'Pacific/Apia',
    ),
    days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1, maxLength: 7 }),
    from: time,
    to: time,
  })
  .filter(({ from, to }) => from !== to);
/** Any minute of these years, and often one around a change of the clocks in Berlin, New York or Lord Howe. */
const instants = fc.oneof(
  fc.integer({ min: at('2025-01-01') / minute, max: at('2028-01-01') / minute }).map((minutes) => minutes * minute),
  fc
    .tuple(
      fc.constantFrom('2026-03-08', '2026-03-29', '2026-04-05', '2026-10-04', '2026-10-25', '2026-11-01'),
      fc.integer({ min: -36 * 60, max: 36 * 60 }),
    )
    .map(([date, minutes]) => at(date) + minutes * minute),
);

describe('off-peak hours', () => {
  it('open by the clocks on the wall, with every change of them', () => {
    fc.assert(
      fc.property(windows, instants, (window, instant) => {
        expect(isOffPeak([window], instant)).toBe(isOpen(window, instant));
      }),
      { numRuns: 500 },
    );
  });

  it('begin next at the first open minute from a moment on', () => {
    fc.assert(
      fc.property(windows, instants, (window, instant) => {
        const next = nextOffPeak([window], instant);
        expect(next).toBeGreaterThanOrEqual(instant);
        expect(isOpen(window, next)).toBe(true);
        // Every quarter of an hour before, and the minutes right before: a scan of a week by the minute takes too long.
        for (
          let before = next - minute;
          before >= instant;
          before -= before > next - 90 * minute ? minute : 15 * minute
        )
          expect(isOpen(window, before), new Date(before).toISOString()).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['in winter', '2026-01-10T00:00:00Z', '2026-01-10T01:00:00Z'],
    ['in summer', '2026-07-10T12:00:00Z', '2026-07-11T00:00:00Z'],
    ['the night the clocks go forward: 02:00 is 03:00 there', '2026-03-28T23:00:00Z', '2026-03-29T01:00:00Z'],
    ['the night they go back: at the first 02:00', '2026-10-24T22:00:00Z', '2026-10-25T00:00:00Z'],
    ['when it is open', '2026-01-10T02:30:30Z', '2026-01-10T02:30:30Z'],
  ])('begin in Berlin %s', (_, from, opens) => {
    expect(new Date(nextOffPeak([night], at(from))).toISOString()).toBe(new Date(opens).toISOString());
  });

  it('that a change of the clocks skips do not happen that day', () => {
    const skipped = { ...night, from: '02:15', to: '02:45' };
    expect(nextOffPeak([skipped], at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-30T00:15:00Z'));
  });

  it('over midnight belong to the day on which they begin', () => {
    const saturday: OffPeakWindow = { timeZone: 'UTC', days: ['sat'], from: '22:00', to: '04:00' };
    expect(nextOffPeak([saturday], at('2026-01-09T12:00:00Z'))).toBe(at('2026-01-10T22:00:00Z'));
    expect(isOffPeak([saturday], at('2026-01-11T03:59:00Z'))).toBe(true);
    expect(isOffPeak([saturday], at('2026-01-10T03:59:00Z'))).toBe(false);
  });

  it('of several windows begin with the earliest', () => {
    const tokyo = { timeZone: 'Asia/Tokyo', from: '01:00', to: '03:00' };
    expect(nextOffPeak([night, tokyo], at('2026-01-10T10:00:00Z'))).toBe(at('2026-01-10T16:00:00Z'));
    expect(nextOffPeak([tokyo, night], at('2026-01-10T20:00:00Z') + day)).toBe(at('2026-01-12T01:00:00Z'));
  });
});

describe('windows as they are written', () => {
  const refusedAt = (written: unknown): string => {
    const read = offPeakWindowsSchema.safeParse(written);
    return read.success ? 'accepted' : `/${(read.error.issues[0]?.path ?? []).join('/')}`;
  };

  it.each([
    ['none', [], '/'],
    ['an empty one', [{ ...night, to: '02:00' }], '/0/to'],
    ['a place without clocks', [{ ...night, timeZone: 'Europe/Atlantis' }], '/0/timeZone'],
    ['an hour that no clock shows', [{ ...night, from: '25:00' }], '/0/from'],
    ['a day that no week has', [{ ...night, days: ['someday'] }], '/0/days/0'],
    ['no day', [{ ...night, days: [] }], '/0/days'],
    ['a day twice', [{ ...night, days: ['mon', 'mon'] }], '/0/days/1'],
    ['two over each other', [night, { ...night, from: '04:59', to: '06:00' }], '/1'],
    [
      'two over each other at midnight',
      [
        { ...night, days: ['sun'], from: '23:00', to: '03:00' },
        { ...night, days: ['mon'], from: '02:00', to: '04:00' },
      ],
      '/1',
    ],
    ['two sets of clocks', [night, { ...night, timeZone: 'UTC', from: '10:00', to: '11:00' }], '/1/timeZone'],
  ])('refuse %s', (_, written, pointer) => {
    expect(refusedAt(written)).toBe(pointer);
  });

  it.each([
    ['one after the other', [night, { ...night, from: '05:00', to: '06:00' }]],
    ['a whole day', [{ ...night, from: '00:00', to: '24:00' }]],
    [
      'the same hours of other days',
      [
        { ...night, days: ['mon'] },
        { ...night, days: ['tue'] },
      ],
    ],
  ])('accept %s', (_, written) => {
    expect(refusedAt(written)).toBe('accepted');
  });
});

describe('clocks of time zones', () => {
  const made = vi.spyOn(Intl, 'DateTimeFormat');
  afterEach(() => made.mockClear());

  const accepts = (timeZone: string): boolean => offPeakWindowsSchema.safeParse([{ ...night, timeZone }]).success;
  /** Each number says by its bits which letters are large. */
  const spelled = (name: string, bits: number): string =>
    [...name].map((letter, at) => ((bits >> at) & 1 ? letter.toUpperCase() : letter.toLowerCase())).join('');

  it('are kept once for all spellings of a zone', () => {
    const spellings = new Set(Array.from({ length: 500 }, (_, bits) => spelled('America/Argentina/Salta', bits)));
    expect(spellings.size).toBeGreaterThan(200);
    expect([...spellings].every(accepts)).toBe(true);
    expect(made).toHaveBeenCalledTimes(1);
  });

  it('are not found under a letter that only resembles one of the name', () => {
    expect([accepts('Asia/Bangkok'), accepts('Asia/Bang\u212aok')]).toEqual([true, false]);
  });

  it('are few: one that many others followed is made anew', () => {
    expect(accepts('Asia/Tokyo')).toBe(true);
    for (let minutes = 0; minutes < 1_000; minutes++) {
      const [hour, rest] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'));
      expect(accepts(`+${String(hour)}:${String(rest)}`)).toBe(true);
    }
    made.mockClear();
    expect(accepts('Asia/Tokyo')).toBe(true);
    expect(made).toHaveBeenCalledTimes(1);
  });

  it('stay while they are in use, whatever others come and go', () => {
    expect(accepts('Asia/Seoul')).toBe(true);
    for (let minutes = 0; minutes < 200; minutes++) {
      accepts(`-${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`);
      made.mockClear();
      expect(accepts('Asia/Seoul')).toBe(true);
      expect(made).not.toHaveBeenCalled();
    }
  });
});
