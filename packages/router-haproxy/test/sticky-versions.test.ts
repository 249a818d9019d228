import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routeWeights, type ModuleHttp, type Route, type RouteTarget } from '@hotswap/core';
import { planProxy } from '../src/plan-proxy.ts';
import { parseEntry, scale } from '../src/route-entry.ts';
import { ModelProxy, unit } from './model-proxy.ts';

const http: ModuleHttp = { hosts: [], pathPrefix: '/', access: 'public', affinity: null };
const clients = Array.from({ length: 60 }, (_, i) => `client-${String(i)}`);
const next = 'rel-next';
const firstPort = 9_000;

/** Releases of a node and their weights there; those with 0 are warm. */
type Node = ReadonlyMap<string, number>;

interface Rollout {
  /** What each node serves before. */
  readonly baseline: readonly string[];
  readonly percents: readonly number[];
  readonly spansNodes: boolean;
  /** Of each node, whether it is a stage behind HAProxy. */
  readonly lags: readonly boolean[];
  /** Of each node, whether HAProxy can reach it. */
  readonly reachable: readonly boolean[];
}

const rollouts = fc.integer({ min: 1, max: 9 }).chain((size) => {
  const each = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: size, maxLength: size });
  return fc.record<Rollout>({
    baseline: each(fc.constantFrom('rel-a', 'rel-a', 'rel-z')),
    percents: fc
      .uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 6 })
      .map((drawn) => [...drawn.toSorted((a, b) => a - b), 100]),
    spansNodes: fc.boolean(),
    lags: each(fc.boolean()),
    reachable: fc.oneof(fc.constant(new Array<boolean>(size).fill(true)), each(fc.boolean())),
  });
});

/** The fleet at a stage, as the engine weighs it: the first nodes are the stage's. */
function fleetAt({ baseline, spansNodes }: Rollout, percent: number): readonly Node[] {
  const stageNodes = Math.ceil((baseline.length * percent) / 100);
  const weights = routeWeights({
    percent,
    stageNodes,
    allNodes: baseline.length,
    baselineOnStage: stageNodes > 0,
    baselineElsewhere: stageNodes < baseline.length,
    routerSpansNodes: spansNodes,
  });
  return baseline.map((release, at) =>
    at < stageNodes
      ? new Map([
          [release, weights.baselineOnStage],
          [next, weights.candidate],
        ])
      : new Map([[release, percent === 0 ? 100 : weights.baselineElsewhere]]),
  );
}

/** Whether HAProxy can bring requests to every version: what it cannot reach has no clients that could come or go. */
function reachesAll(rollout: Rollout, percent: number): boolean {
  const fleet = fleetAt(rollout, percent);
  const serving = (nodes: readonly Node[]): Set<string> =>
    new Set(nodes.flatMap((node) => [...node].filter(([, weight]) => weight > 0).map(([release]) => release)));
  return serving(fleet).isSubsetOf(serving(fleet.filter((_, at) => rollout.reachable[at])));
}

function routeOf(fleet: readonly Node[], reachable: readonly boolean[]): Route {
  const targets = fleet.flatMap((node, at) =>
    [...node]
      .filter(([, weight]) => weight > 0)
      .map(([releaseId, weight]): RouteTarget => ({
        nodeId: `node-${String(at)}`,
        dataPlaneUrl: 'http://127.0.0.1:1',
        publicUrl: reachable[at] === true ? `http://10.0.0.1:${String(firstPort + at)}` : null,
        releaseId,
        moduleId: releaseId,
        version: releaseId,
        http,
        weight,
      })),
  );
  return { tenant: 'default', moduleName: 'shop', revision: 1, targets, matches: [] };
}

/** What a node answers by: the version that it is asked for where it has it and trusts who asks, else its own choice. */
function answer(node: Node, asked: string, client: string, isTrusted: boolean): string {
  if (isTrusted && node.has(asked)) return asked;
  const total = [...node.values()].reduce((sum, weight) => sum + weight, 0);
  let left = unit(`shop\0${client}`) * total;
  for (const [release, weight] of node) if ((left -= weight) < 0) return release;
  return [...node.keys()][0] as string;
}

class Fleet {
  readonly proxy: ModelProxy = new ModelProxy(8, 12, 4);
  readonly dead: Set<number> = new Set();
  nodes: readonly Node[] = [];
  isTrusting = true;

  /** HAProxy and nodes take a route; nodes that lag keep what they have, but have loaded what comes. */
  take(nodes: readonly Node[], { lags, reachable }: Pick<Rollout, 'lags' | 'reachable'>): void {
    this.proxy.obey(planProxy([routeOf(nodes, reachable)], this.proxy.state, 'm').plan);
    const before = this.nodes;
    this.nodes = nodes.map((node, at) => {
      const old = before[at];
      if (lags[at] !== true || old === undefined) return node;
      return new Map([...node].map(([release]) => [release, old.get(release) ?? 0]));
    });
  }

  ask(client: string): string {
    const { releaseId, port } = this.proxy.choose('/', client, (chosen) => !this.dead.has(chosen - firstPort));
    return answer(this.nodes[port - firstPort] as Node, releaseId, client, this.isTrusting);
  }

  /** Share of all clients by version, exactly. */
  shares(): ReadonlyMap<string, number> {
    let from = 0;
    const { versions } = parseEntry(this.proxy.state.map.get('/') ?? '');
    return new Map(
      versions.map(({ releaseId, end }) => {
        const share = (end - from) / scale;
        from = end;
        return [releaseId, share];
      }),
    );
  }
}

const steady = (size: number): Pick<Rollout, 'lags' | 'reachable'> => ({
  lags: new Array<boolean>(size).fill(false),
  reachable: new Array<boolean>(size).fill(true),
});

const canary = { baseline: ['rel-a', 'rel-a', 'rel-a'], percents: [34, 67, 100], spansNodes: true, ...steady(3) };

/** Clients that had the new version at one stage and another one at a later stage. */
function wentBack(fleet: Fleet, rollout: Rollout): readonly string[] {
  const onNext = new Set<string>();
  const back = new Set<string>();
  fleet.take(fleetAt(rollout, 0), { ...rollout, lags: [] });
  for (const percent of rollout.percents) {
    fleet.take(fleetAt(rollout, percent), rollout);
    for (const client of clients)
      if (fleet.ask(client) === next) onNext.add(client);
      else if (onNext.has(client)) back.add(client);
  }
  return [...back];
}

describe('a plan', () => {
  it('has no room for a ninth version of one module', () => {
    const nodes = Array.from({ length: 9 }, (_, at): Node => new Map([[`rel-${String(at)}`, 100]]));
    const { reachable } = steady(9);
    const misfits = (fleet: readonly Node[]): readonly string[] =>
      [...planProxy([routeOf(fleet, reachable)], new ModelProxy(9, 9, 2).state, 'm').misfits.values()].map(String);
    expect(misfits(nodes.slice(1))).toEqual([]);
    expect(misfits(nodes)).toEqual([
      expect.stringContaining('9 versions of it take traffic at one time, and there are rules for 8'),
    ]);
  });

  it('leaves nothing to do once it has been carried out', () => {
    const { proxy } = new Fleet();
    const route = routeOf(fleetAt(canary, 67), canary.reachable);
    proxy.obey(planProxy([route], proxy.state, 'm').plan);
    expect(planProxy([route], proxy.state, 'm').plan).toEqual({ prepare: [], weigh: [], map: [], retire: [] });
    proxy.obey(planProxy([{ ...route, targets: [] }], proxy.state, 'm').plan);
    expect(proxy.state.map.size).toBe(0);
    expect([...proxy.state.backends.values()].flat().some(({ isEnabled }) => isEnabled)).toBe(false);
  });
});

describe('clients behind HAProxy', () => {
  it('never go back while a share grows, from splits between nodes to splits on nodes', () => {
    const rollout = rollouts.filter((drawn) => [0, ...drawn.percents].every((percent) => reachesAll(drawn, percent)));
    fc.assert(
      fc.property(rollout, (drawn) => {
        expect(wentBack(new Fleet(), drawn)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('are on versions as the route weighs them', () => {
    fc.assert(
      fc.property(rollouts, (drawn) => {
        const fleet = new Fleet();
        const reachable = drawn.baseline.map(() => true);
        for (const percent of drawn.percents) {
          fleet.take(fleetAt(drawn, percent), { lags: [], reachable });
          expect(Math.abs((fleet.shares().get(next) ?? 0) - percent / 100)).toBeLessThan(3e-6);
        }
      }),
    );
  });

  it('meet their version on every HAProxy, also on one that has forgotten everything', () => {
    const [one, other] = [new Fleet(), new Fleet()];
    for (const percent of [0, ...canary.percents.slice(0, -1)]) one.take(fleetAt(canary, percent), canary);
    other.take(fleetAt(canary, 67), canary);
    expect(clients.map((client) => other.ask(client))).toEqual(clients.map((client) => one.ask(client)));
  });

  it('go back where nodes do not trust the proxy: each node then splits by itself', () => {
    const fleet = new Fleet();
    fleet.isTrusting = false;
    expect(wentBack(fleet, canary).length).toBeGreaterThan(0);
  });

  it('get another version while no node of theirs can be reached, and theirs again afterwards', () => {
    const fleet = new Fleet();
    fleet.take(fleetAt({ ...canary, baseline: ['rel-a', 'rel-a', 'rel-a', 'rel-a'] }, 25), steady(4));
    const before = new Map(clients.map((client) => [client, fleet.ask(client)]));
    const hit = clients.filter((client) => before.get(client) === next);
    expect(hit.length).toBeGreaterThan(0);
    fleet.dead.add(0);
    expect(new Set(clients.map((client) => fleet.ask(client)))).toEqual(new Set(['rel-a']));
    fleet.dead.clear();
    expect(new Map(clients.map((client) => [client, fleet.ask(client)]))).toEqual(before);
  });

  it('keep their version when one of its nodes is lost', () => {
    const fleet = new Fleet();
    fleet.take(fleetAt({ ...canary, baseline: ['rel-a', 'rel-a', 'rel-a', 'rel-a'] }, 50), steady(4));
    const before = clients.map((client) => fleet.ask(client));
    for (const lost of [0, 1, 2, 3]) {
      fleet.dead.add(lost);
      expect(clients.map((client) => fleet.ask(client))).toEqual(before);
      fleet.dead.clear();
    }
  });

  it('move to a version that was on nodes without a public port when it comes to one that has one', () => {
    const hidden = { ...canary, reachable: [true, false, false] };
    const fleet = new Fleet();
    fleet.take(fleetAt(hidden, 30), hidden);
    expect(new Set(clients.map((client) => fleet.ask(client)))).toEqual(new Set([next]));
    fleet.take(fleetAt(hidden, 67), hidden);
    expect(fleet.shares().get('rel-a')).toBeCloseTo(0.33, 5);
  });

  it('are answered by what a node has that lacks their version', () => {
    const fleet = new Fleet();
    fleet.take(fleetAt(canary, 34), steady(3));
    fleet.nodes = fleet.nodes.map(() => new Map([['rel-a', 100]]));
    expect(new Set(clients.map((client) => fleet.ask(client)))).toEqual(new Set(['rel-a']));
  });

  it('may change places on an HAProxy that has forgotten everything where three versions take traffic', () => {
    const mixed = { ...canary, baseline: ['rel-a', 'rel-a', 'rel-z', 'rel-z'], ...steady(4) };
    const [one, other] = [new Fleet(), new Fleet()];
    for (const percent of [0, 20]) one.take(fleetAt(mixed, percent), mixed);
    other.take(fleetAt(mixed, 20), mixed);
    expect(clients.map((client) => other.ask(client))).not.toEqual(clients.map((client) => one.ask(client)));
    expect(other.shares().get(next)).toBeCloseTo(one.shares().get(next) as number, 5);
  });

  it('leave a version only for others while its share falls', () => {
    const fleet = new Fleet();
    const back = { ...canary, percents: [67, 34, 0] };
    fleet.take(fleetAt(back, 100), canary);
    let onNext = new Set(clients);
    for (const percent of back.percents) {
      fleet.take(fleetAt(back, percent), canary);
      const now = new Set(clients.filter((client) => fleet.ask(client) === next));
      expect(now.difference(onNext)).toEqual(new Set());
      onNext = now;
    }
    expect(onNext.size).toBe(0);
  });
});
