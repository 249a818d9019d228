import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { careful } from './readme-example.ts';
import { StrategyRun, StrategyShelf } from '../src/rollout/replay.ts';
import { defaultAutoRollback, defaultHealthCheck } from '../src/index.ts';

it('the README shows a strategy that runs', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('./readme-example.ts'));
  const shelf = new StrategyShelf([careful]);
  const spec = {
    tenant: 'default',
    deploymentId: 'd',
    moduleName: 'm',
    moduleId: 'm-v2',
    releaseId: 'v2',
    strategy: 'Careful',
    config: { watch: 'PT1M' },
    regions: null,
    healthCheck: defaultHealthCheck,
    autoRollback: defaultAutoRollback,
    progressDeadline: 'PT30M',
    retention: 'PT1H',
    author: 'a',
  };
  const frozen = {
    strategyVersions: { Careful: 1 },
    effectSetVersion: 1,
    targets: ['n'],
    regions: {},
    baseline: [],
    routerSpansNodes: true,
    epoch: 1,
    at: 0,
  };
  expect(new StrategyRun(shelf, spec, frozen).catchUp([])).toMatchObject({
    kind: 'effect',
    effect: { kind: 'deploy' },
  });
});
