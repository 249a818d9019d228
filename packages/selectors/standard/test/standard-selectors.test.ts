import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHotSwapError, parseNodeSelectors, type CandidateNode } from '@hotswap/core';
import { standardSelectors } from '@hotswap/selectors-standard';

const plugins = standardSelectors();

const node = (nodeId: string, more: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId,
  region: 'us-east',
  zone: null,
  labels: {},
  reachable: true,
  flapping: false,
  runtime: 'Wasmtime',
  runtimeVersion: '48.0.0',
  capabilities: {},
  maxModules: 10,
  modulesLoaded: 0,
  hasModule: false,
  cpuUsagePercent: null,
  memoryUsagePercent: null,
  serving: [],
  ...more,
});

const choose = (name: string, options: object, nodes: readonly CandidateNode[]): readonly string[] => {
  const [named] = parseNodeSelectors(plugins, [{ name, options: options as never }]);
  const plugin = plugins.find((each) => each.name === name);
  return plugin?.create(named?.options).select(nodes) ?? [];
};

describe('the standard selectors', () => {
  it('take regions in the order that they are named in', () => {
    const nodes = [node('a', { region: 'eu' }), node('b'), node('c', { region: 'ap' }), node('d', { region: 'eu' })];
    expect(choose('Regions', { in: ['us-east', 'eu', 'nowhere'] }, nodes)).toEqual(['b', 'a', 'd']);
  });

  it('take zones, or all but some', () => {
    const nodes = [node('a', { zone: 'z1' }), node('b', { zone: 'z2' }), node('c')];
    expect(choose('Zones', { in: ['z2', 'z1'] }, nodes)).toEqual(['b', 'a']);
    expect(choose('Zones', { notIn: ['z2'] }, nodes)).toEqual(['a', 'c']);
  });

  it('take nodes that have every label with one of its values', () => {
    const nodes = [
      node('a', { labels: { tier: 'edge', gpu: 'no' } }),
      node('b', { labels: { tier: 'core' } }),
      node('c', { labels: { tier: 'edge' } }),
    ];
    expect(choose('Labels', { match: { tier: ['edge', 'core'], gpu: 'no' } }, nodes)).toEqual(['a']);
    expect(choose('Labels', { match: { tier: 'edge' } }, nodes)).toEqual(['a', 'c']);
    expect(choose('Labels', { match: { constructor: 'x' } }, nodes)).toEqual([]);
  });

  it('take runtimes by name and by what they can do', () => {
    const nodes = [
      node('a', { capabilities: { http: true, wasi: ['preview1', 'preview2'] } }),
      node('b', { runtime: 'WasmEdge', capabilities: { http: false, wasi: ['preview1'] } }),
    ];
    expect(choose('Runtime', { in: ['wasmedge'] }, nodes)).toEqual(['b']);
    expect(choose('Runtime', { requires: ['http', 'wasi=preview2'] }, nodes)).toEqual(['a']);
    expect(choose('Runtime', { requires: ['wasi=preview1'] }, nodes)).toEqual(['a', 'b']);
  });

  it('pass over nodes without room or under load, and keep those that have the module', () => {
    const nodes = [
      node('full', { modulesLoaded: 10 }),
      node('has', { modulesLoaded: 10, hasModule: true }),
      node('busy', { cpuUsagePercent: 81 }),
      node('some', { modulesLoaded: 4, cpuUsagePercent: 80 }),
      node('free'),
    ];
    expect(choose('Capacity', { maximumCpuPercent: 80 }, nodes)).toEqual(['free', 'some', 'has']);
    expect(choose('Capacity', { keepPresent: false, minimumFreeModules: 7 }, nodes)).toEqual(['busy', 'free']);
  });

  it('spread over groups: no group is two ahead of another that has nodes left', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('z1', 'z2', 'z3'), { maxLength: 40 }), (given) => {
        const nodes = given.map((zone, i) => node(`n${i}`, { zone }));
        const order = choose('Spread', {}, nodes);
        expect(new Set(order)).toEqual(new Set(nodes.map(({ nodeId }) => nodeId)));
        const left = new Map([...Map.groupBy(given, (zone) => zone)].map(([zone, all]) => [zone, all.length]));
        const taken = new Map<string, number>();
        for (const nodeId of order) {
          const zone = given[Number(nodeId.slice(1))] as string;
          const count = (taken.get(zone) ?? 0) + 1;
          taken.set(zone, count);
          for (const [other, total] of left)
            if ((taken.get(other) ?? 0) < total) expect(count - (taken.get(other) ?? 0)).toBeLessThan(2);
        }
      }),
    );
    const nodes = ['a', 'b', 'c'].map((nodeId) => node(nodeId, { zone: 'z' }));
    expect(choose('Spread', { by: 'region', maximumPerGroup: 2 }, nodes)).toEqual(['a', 'b']);
  });

  it('put nodes at which little is at stake first', () => {
    const nodes = [
      node('high', { labels: { risk: 'high' } }),
      node('unknown'),
      node('low-busy', { labels: { risk: 'low' }, cpuUsagePercent: 70 }),
      node('low', { labels: { risk: 'low' }, cpuUsagePercent: 5 }),
      node('canary', { labels: { risk: 'canary' } }),
    ];
    expect(choose('CanaryFirst', {}, nodes)).toEqual(['canary', 'low', 'low-busy', 'high', 'unknown']);
    expect(choose('CanaryFirst', { others: 'first' }, nodes)[0]).toBe('unknown');
    expect(choose('Limit', { nodes: 2 }, nodes)).toEqual(['high', 'unknown']);
  });

  it('never repeat a node or invent one', () => {
    const options = {
      Regions: { in: ['us-east', 'eu'] },
      Zones: { notIn: ['z2'] },
      Labels: { match: { risk: ['low', 'high'] } },
      Runtime: { in: ['Wasmtime'] },
      Capacity: {},
      Spread: {},
      CanaryFirst: {},
      Limit: { nodes: 3 },
    };
    const some = fc.record({
      region: fc.constantFrom('us-east', 'eu', 'ap'),
      zone: fc.constantFrom('z1', 'z2', null),
      labels: fc.constantFrom({}, { risk: 'low' }, { risk: 'high' }),
      modulesLoaded: fc.nat(12),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 15 }), (given) => {
        const nodes = given.map((more, i) => node(`n${i}`, more));
        for (const { name } of plugins) {
          const chosen = choose(name, options[name as keyof typeof options], nodes);
          expect(new Set(chosen).size).toBe(chosen.length);
          for (const nodeId of chosen) expect(nodes.some((each) => each.nodeId === nodeId)).toBe(true);
        }
      }),
    );
  });

  it.each([
    ['Nobody', {}, 'HS_SELECT_UNKNOWN', '/nodeSelector/0/name'],
    ['Spread', { by: 'planet' }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/by'],
    ['Spread', { per: 1 }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/per'],
    ['Regions', { in: [] }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/in'],
    ['Regions', { in: ['a', 'a'] }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/in'],
    ['Zones', {}, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options'],
    ['Limit', { nodes: 0 }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/nodes'],
    ['Capacity', { maximumCpuPercent: 0 }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/maximumCpuPercent'],
    ['Labels', { match: {} }, 'HS_SELECT_INVALID_OPTIONS', '/nodeSelector/0/options/match'],
  ])('refuse %s with %j', (name, options, code, pointer) => {
    try {
      parseNodeSelectors(plugins, [{ name, options }]);
      expect.unreachable();
    } catch (error) {
      if (!isHotSwapError(error)) throw error;
      expect(error.code).toBe(code);
      expect(error.details['errors']).toEqual([expect.objectContaining({ pointer })]);
    }
  });
});
