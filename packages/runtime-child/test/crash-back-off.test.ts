import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CrashBackOff } from '../src/crash-back-off.ts';

describe('CrashBackOff', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const suspect = 1;
  const onFree = vi.fn();
  const lost = (backOff: CrashBackOff, times = 1): void => {
    for (let time = 0; time < times; time++) backOff.ended(suspect, {}, 'lost');
  };
  /** Milliseconds until calls may run again. */
  const heldMs = (backOff: CrashBackOff): number => {
    const startedMs = Date.now();
    while (backOff.holds(suspect)) vi.advanceTimersToNextTimer();
    return Date.now() - startedMs;
  };

  it('holds nobody but the module whose calls are lost', () => {
    const backOff = new CrashBackOff(onFree);
    lost(backOff);
    expect([backOff.holds(suspect), backOff.holds(2)]).toEqual([true, false]);
  });

  it('holds it ever longer, 5 s at most, and tells when it may go on', () => {
    const backOff = new CrashBackOff(onFree);
    const waits = Array.from({ length: 8 }, (_, at) => {
      onFree.mockClear();
      lost(backOff);
      const waitedMs = heldMs(backOff);
      expect(onFree, `after loss ${at}`).toHaveBeenCalledOnce();
      return waitedMs;
    });
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('tries one call then, and lets the others go on once that was answered', () => {
    const backOff = new CrashBackOff(onFree);
    lost(backOff, 3);
    heldMs(backOff);
    const trial = {};
    backOff.began(suspect, trial);
    expect(backOff.holds(suspect)).toBe(true);
    // Given up while it waited.
    backOff.ended(suspect, {}, 'cut');
    expect(backOff.holds(suspect)).toBe(true);
    backOff.ended(suspect, trial, 'answered');
    backOff.began(suspect, {});
    expect(backOff.holds(suspect)).toBe(false);
    lost(backOff);
    expect(heldMs(backOff), 'as after the first').toBe(100);
  });

  it('tries another one when that was cut, and waits longer when it was lost', () => {
    const backOff = new CrashBackOff(onFree);
    const [first, second] = [{}, {}];
    lost(backOff);
    heldMs(backOff);
    backOff.began(suspect, first);
    backOff.ended(suspect, first, 'cut');
    expect(backOff.holds(suspect)).toBe(false);
    backOff.began(suspect, second);
    backOff.ended(suspect, second, 'lost');
    expect(heldMs(backOff)).toBe(200);
  });

  it('does not shorten the time for calls that were under way before', () => {
    const backOff = new CrashBackOff(onFree);
    lost(backOff);
    backOff.ended(suspect, {}, 'answered');
    expect(heldMs(backOff)).toBe(100);
  });

  it.each([
    ['a module that is gone', (backOff: CrashBackOff) => backOff.forget(suspect)],
    ['all when it is closed', (backOff: CrashBackOff) => backOff.close()],
  ])('forgets %s', (_, end) => {
    const backOff = new CrashBackOff(onFree);
    lost(backOff);
    end(backOff);
    expect([backOff.holds(suspect), vi.getTimerCount()]).toEqual([false, 0]);
  });
});
