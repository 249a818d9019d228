import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModuleHttp, Route, RouteMatch, RouteTarget } from '@hotswap/core';
import { planProxy } from '../src/plan-proxy.ts';
import { parseEntry } from '../src/route-entry.ts';
import { ModelProxy } from './model-proxy.ts';

const backends = 4;
const places = 2;
const moduleNames = ['cart', 'evil', 'shop'];
const http: ModuleHttp = { hosts: [], pathPrefix: '/', access: 'public', affinity: null };

/** Versions of a module that take traffic, and for each the nodes that serve it, and whether testers are brought to it. */
type Served = readonly { readonly releaseId: string; readonly nodes: readonly number[]; readonly isTested?: boolean }[];

/** Routes of all modules, and how many commands are carried out before the connection breaks off. */
interface Step {
  readonly served: readonly Served[];
  readonly cutAfter: number;
}

const served: fc.Arbitrary<Served> = fc.uniqueArray(
  fc.record({
    releaseId: fc.constantFrom('rel-1', 'rel-2', 'rel-3'),
    nodes: fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: places }),
    isTested: fc.boolean(),
  }),
  { maxLength: 2, selector: ({ releaseId }) => releaseId },
);
const step: fc.Arbitrary<Step> = fc.record({
  served: fc.tuple(...moduleNames.map(() => served)),
  cutAfter: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 40 })),
});

/** Each module has nodes of its own here, so that a port says whose it is. */
const portOf = (module: number, node: number): number => 9_000 + 100 * module + node;

function routesOf(all: readonly Served[]): readonly Route[] {
  return all.map((versions, module): Route => {
    const moduleName = moduleNames[module] as string;
    const targets = versions.flatMap(({ releaseId, nodes }) =>
      nodes.map((node): RouteTarget => ({
        nodeId: `node-${String(node)}`,
        dataPlaneUrl: 'http://127.0.0.1:1',
        publicUrl: `http://10.0.0.1:${String(portOf(module, node))}`,
        releaseId: `${moduleName}-${releaseId}`,
        moduleId: releaseId,
        version: releaseId,
        http: { ...http, pathPrefix: `/${moduleName};v=1` },
        weight: 100,
      })),
    );
    const matches = versions.flatMap(({ releaseId, isTested = false }): RouteMatch[] =>
      isTested ? [{ releaseId: `${moduleName}-${releaseId}`, when: { header: 'x-tester', value: releaseId } }] : [],
    );
    return { tenant: 'default', moduleName, revision: 1, targets, matches };
  });
}

/** What clients of each version of each module can reach. */
function* reached(proxy: ModelProxy): Generator<{ module: string; releaseId: string; ports: readonly number[] }> {
  const { state } = proxy;
  for (const value of state.map.values()) {
    const { name, versions } = parseEntry(value);
    for (const { backend, releaseId } of versions) {
      const servers = (state.backends.get(backend) ?? []).filter(({ isEnabled }) => isEnabled);
      if (backend !== 'none')
        yield { module: name.split('/')[1] ?? '', releaseId, ports: servers.map(({ port }) => port) };
    }
  }
}

/** Requests that would go wrong now. */
function wrongs(proxy: ModelProxy): readonly string[] {
  return [...reached(proxy)].flatMap(({ module, ports }) => {
    const foreign = ports.filter((port) => Math.floor((port - 9_000) / 100) !== moduleNames.indexOf(module));
    return [
      ...foreign.map((port) => `${module} is answered by ${String(port)}`),
      ...(ports.length === 0 ? [`nobody answers ${module}`] : []),
    ];
  });
}

/** @returns what went wrong on the way */
function carryOut(proxy: ModelProxy, routes: readonly Route[], cutAfter: number): readonly string[] {
  const { prepare, weigh, map, retire } = planProxy(routes, proxy.state, 'm').plan;
  return [...prepare, ...weigh, ...map, ...retire].slice(0, cutAfter).flatMap(({ text }) => {
    proxy.obeyCommand(text);
    return wrongs(proxy).map((wrong) => `${wrong} after ${text}`);
  });
}

describe('plans that break off anywhere', () => {
  it('never bring a request to nodes of another module, nor to none', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const proxy = new ModelProxy(backends, places, 1);
        for (const { served: all, cutAfter } of steps) expect(carryOut(proxy, routesOf(all), cutAfter)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are brought to an end by three plans, for all modules that there is room for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), fc.tuple(...moduleNames.map(() => served)), (steps, all) => {
        const proxy = new ModelProxy(backends, places, 1);
        for (const before of steps) carryOut(proxy, routesOf(before.served), before.cutAfter);
        const routes = routesOf(all);
        for (let plans = 0; plans < 3; plans++) carryOut(proxy, routes, Infinity);
        const { plan, misfits, unfinished } = planProxy(routes, proxy.state, 'm');
        expect(plan).toEqual({ prepare: [], weigh: [], map: [], retire: [] });
        expect(unfinished.size).toBe(0);
        if (all.flat().length <= backends) expect([...misfits.keys()]).toEqual([]);
        const tested = [...proxy.state.map.keys()].filter((key) => key.startsWith('Match|'));
        const fitting = all.filter((_, module) => !misfits.has(`default/${moduleNames[module] ?? ''}`));
        if (misfits.size === 0) expect(tested).toHaveLength(fitting.flat().filter(({ isTested }) => isTested).length);
        const now = new Map([...reached(proxy)].map(({ releaseId, ports }) => [releaseId, ports.toSorted()]));
        for (const [module, versions] of all.entries()) {
          if (misfits.has(`default/${moduleNames[module] ?? ''}`)) continue;
          for (const { releaseId, nodes } of versions)
            expect(now.get(`${moduleNames[module] ?? ''}-${releaseId}`)).toEqual(
              expect.arrayContaining(nodes.map((node) => portOf(module, node))),
            );
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('has a place for the nodes of a version that are all others than before', () => {
    const proxy = new ModelProxy(1, places, 1);
    for (const nodes of [
      [0, 1],
      [2, 3],
      [3, 4],
    ]) {
      const routes = routesOf([[{ releaseId: 'rel-1', nodes }]]);
      for (let plans = 0; plans < 2; plans++) expect(carryOut(proxy, routes, Infinity)).toEqual([]);
      expect([...reached(proxy)].flatMap(({ ports }) => ports.toSorted())).toEqual(
        nodes.map((node) => portOf(0, node)),
      );
    }
  });
});
