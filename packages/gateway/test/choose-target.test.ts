import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Route, RouteTarget } from '@hotswap/core';
import { chooseTarget, planRoute } from '@hotswap/gateway';

const target = (nodeId: string, releaseId: string, weight: number): RouteTarget => ({
  nodeId,
  releaseId,
  weight,
  dataPlaneUrl: `http://${nodeId}`,
  publicUrl: null,
  moduleId: `m-v${releaseId}`,
  version: releaseId,
  http: null,
});
const route = (targets: readonly RouteTarget[]): Route => ({
  tenant: 'default',
  moduleName: 'm',
  revision: 1,
  targets,
  matches: [],
});
const weights = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 20 });

describe('chooseTarget', () => {
  it('chooses every target in proportion to its weight', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const targets = given.map((weight, i) => target(`n${i}`, `r${i % 3}`, weight));
        const plan = planRoute(route(targets));
        const total = given.reduce((sum, weight) => sum + weight, 0);
        let from = 0;
        for (const each of targets) {
          expect(chooseTarget(plan, { random: (from + each.weight / 2) / total })).toBe(each);
          from += each.weight;
        }
      }),
    );
  });

  it('never chooses an excluded target while another is left, and nothing when none is', () => {
    fc.assert(
      fc.property(
        weights,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(),
        (given, random, pick) => {
          const targets = given.map((weight, i) => target(`n${i}`, 'r', weight));
          const plan = planRoute(route(targets));
          const only = targets[pick % targets.length];
          expect(chooseTarget(plan, { random, isExcluded: (each) => each !== only })).toBe(only);
          expect(chooseTarget(plan, { random, isExcluded: () => true })).toBeNull();
        },
      ),
    );
  });

  it('takes a preferred release while any of its targets may be, and the others only then', () => {
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (given, random) => {
        const targets = given.map((weight, i) => target(`n${i}`, `r${i % 3}`, weight));
        const plan = planRoute(route(targets));
        const ask = { random, preferredReleaseId: 'r0', stickyKey: 'somebody' };
        expect(chooseTarget(plan, ask)?.releaseId).toBe('r0');
        const last = targets.findLast(({ releaseId }) => releaseId === 'r0');
        const isNotLast = (each: RouteTarget): boolean => each.releaseId === 'r0' && each !== last;
        expect(chooseTarget(plan, { ...ask, isExcluded: isNotLast })).toBe(last);
        const left = chooseTarget(plan, { ...ask, isExcluded: ({ releaseId }) => releaseId === 'r0' });
        expect(left?.releaseId).not.toBe('r0');
        expect(left === null).toBe(given.length === 1);
        expect(chooseTarget(plan, { random, preferredReleaseId: 'gone' })).toBe(chooseTarget(plan, { random }));
      }),
    );
  });

  it('moves sticky keys only to the release whose share grows', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { minLength: 50, maxLength: 100 }),
        fc.integer({ min: 0, max: 99 }),
        fc.integer({ min: 1, max: 100 }),
        (keys, from, by) => {
          const to = Math.min(100, from + by);
          const at = (percent: number) =>
            planRoute(
              route(
                [
                  target('a', 'old', 100 - percent),
                  target('b', 'new', percent),
                  target('c', 'old', 100 - percent),
                ].filter((each) => each.weight > 0),
              ),
            );
          for (const stickyKey of keys) {
            const before = chooseTarget(at(from), { random: 0.5, stickyKey })?.releaseId;
            const after = chooseTarget(at(to), { random: 0.1, stickyKey })?.releaseId;
            if (before === 'new') expect(after).toBe('new');
          }
        },
      ),
    );
  });

  it('gives sticky keys to releases about as often as their weights say', () => {
    const plan = planRoute(route([target('a', 'old', 75), target('b', 'new', 25)]));
    const chosen = Array.from(
      { length: 20_000 },
      (_, i) => chooseTarget(plan, { random: 0, stickyKey: `user-${i}` })?.releaseId,
    );
    const share = chosen.filter((releaseId) => releaseId === 'new').length / chosen.length;
    expect(share).toBeGreaterThan(0.23);
    expect(share).toBeLessThan(0.27);
  });

  it('keeps to a forced version, module id or release id', () => {
    const plan = planRoute(route([target('a', '1.0.0', 99), target('b', '2.0.0', 1)]));
    expect(chooseTarget(plan, { random: 0, version: '2.0.0' })?.nodeId).toBe('b');
    expect(chooseTarget(plan, { random: 0, version: 'm-v2.0.0' })?.nodeId).toBe('b');
    expect(chooseTarget(plan, { random: 0, version: '3.0.0' })).toBeNull();
  });
});
