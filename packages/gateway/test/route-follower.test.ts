import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Route, RouteHint } from '@hotswap/core';
import { RouteFollower } from '@hotswap/gateway';

const signOfLifeMs = 2_500;

describe('RouteFollower', () => {
  let routes: Map<string, Route>;
  let hint: (hint: RouteHint) => void;
  let acknowledged: string[];
  let errors: unknown[];
  /** What `take` does with routes. */
  let take: (routes: readonly Route[]) => readonly Route[];
  let canRead: boolean;
  let follower: RouteFollower;

  beforeEach(() => {
    vi.useFakeTimers();
    routes = new Map();
    acknowledged = [];
    errors = [];
    take = () => [];
    canRead = true;
    follower = new RouteFollower({
      instanceId: 'one',
      take: (given) => take(given),
      onError: (error) => errors.push(error),
      source: {
        all: async () => (canRead ? [...routes.values()] : Promise.reject(new Error('no database'))),
        find: async (_tenant, name) =>
          canRead ? (routes.get(name) ?? null) : Promise.reject(new Error('no database')),
        subscribe: (handler) => {
          hint = handler;
          return () => undefined;
        },
      },
      board: {
        acknowledge: async (_instance, served) =>
          void acknowledged.push(...served.map(({ moduleName, revision }) => `${moduleName} ${String(revision)}`)),
        leave: async () => undefined,
        servedRevision: async () => null,
      },
    });
  });
  afterEach(async () => {
    await follower.stop();
    vi.useRealTimers();
  });

  const put = (moduleName: string, revision: number): void =>
    void routes.set(moduleName, { tenant: 'default', moduleName, revision, targets: [], matches: [] });
  const change = async (moduleName: string, revision: number): Promise<void> => {
    put(moduleName, revision);
    hint({ tenant: 'default', moduleName });
    await vi.advanceTimersByTimeAsync(1);
  };

  it('acknowledges what was taken, and gives what was not anew until it is', async () => {
    put('cart', 1);
    put('shop', 1);
    await follower.start();
    take = (given) => given.filter(({ moduleName }) => moduleName === 'shop');
    await change('shop', 2);
    await change('cart', 2);
    await vi.advanceTimersByTimeAsync(signOfLifeMs);
    expect(acknowledged).toEqual(['cart 1', 'shop 1', 'cart 2']);
    take = () => [];
    await vi.advanceTimersByTimeAsync(signOfLifeMs);
    expect(acknowledged).toEqual(['cart 1', 'shop 1', 'cart 2', 'shop 2']);
    take = () => expect.fail('nothing is left');
    await vi.advanceTimersByTimeAsync(2 * signOfLifeMs);
    expect(errors).toEqual([]);
  });

  it('does not forget what could not be taken because something else could', async () => {
    await follower.start();
    take = () => {
      throw new Error('no proxy');
    };
    await change('shop', 1);
    take = () => [];
    await change('cart', 1);
    await vi.advanceTimersByTimeAsync(signOfLifeMs);
    expect(acknowledged).toEqual(['cart 1', 'shop 1']);
    expect(errors).toHaveLength(1);
  });

  it('reads routes again that it could not read', async () => {
    canRead = false;
    put('shop', 1);
    await expect(follower.start()).rejects.toThrow('no database');
    canRead = true;
    await vi.advanceTimersByTimeAsync(signOfLifeMs);
    expect(acknowledged).toEqual(['shop 1']);
    canRead = false;
    await change('shop', 2);
    canRead = true;
    await vi.advanceTimersByTimeAsync(signOfLifeMs);
    expect(acknowledged).toEqual(['shop 1', 'shop 2']);
  });
});
