import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CachedAuthenticator } from '../src/auth/authenticator.ts';
import type { Principal } from '../src/auth/principal.ts';

const ann: Principal = { tenant: 'default', subject: 'ann', role: 'admin' };

describe('CachedAuthenticator', () => {
  let answer: () => Promise<Principal | null>;
  let asked: number;
  let authenticator: CachedAuthenticator;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    asked = 0;
    answer = () => Promise.resolve(ann);
    authenticator = new CachedAuthenticator({
      authenticate: () => {
        asked++;
        return answer();
      },
    });
    await authenticator.authenticate('token');
  });
  afterEach(() => vi.useRealTimers());

  it('waits for an answer about a token that was not used for a while: it may have been revoked meanwhile', async () => {
    answer = () => Promise.resolve(null);
    vi.advanceTimersByTime(30_000);
    expect(authenticator.known('token')).toBeUndefined();
    expect(await authenticator.authenticate('token')).toBeNull();
  });

  it('never makes a token wait that is in use all the time, and ends a revoked one within ten seconds', async () => {
    for (let second = 0; second < 60; second++) {
      vi.advanceTimersByTime(1_000);
      expect(authenticator.known('token')).toBe(ann);
      await vi.waitFor(() => undefined);
    }
    expect(asked).toBeLessThan(20);
    answer = () => Promise.resolve(null);
    for (let second = 0; second < 10; second++) {
      vi.advanceTimersByTime(1_000);
      authenticator.known('token');
      await Promise.resolve().then(() => Promise.resolve());
    }
    expect(await authenticator.authenticate('token')).toBeNull();
  });

  it('believes what it knew for a minute while nobody answers, without making everybody wait', async () => {
    answer = () => Promise.reject(new TypeError('the database is away'));
    vi.advanceTimersByTime(30_000);
    expect(await authenticator.authenticate('token')).toBe(ann);
    expect(authenticator.known('token')).toBe(ann);
    expect(authenticator.hasMet('token')).toBe(true);
    vi.advanceTimersByTime(31_000);
    await expect(authenticator.authenticate('token')).rejects.toThrow('the database is away');
    expect(authenticator.hasMet('token')).toBe(false);
  });

  it('asks about every token when news may have been missed', async () => {
    answer = () => Promise.resolve(null);
    authenticator.doubt();
    expect(await authenticator.authenticate('token')).toBeNull();
  });
});
