import {
  createRolloutEngine,
  defaultAutoRollback,
  defaultHealthCheck,
  defaultModuleRuntime,
  defaultResourceLimits,
  noCapabilities,
  parseStrategyConfig,
} from '@hotswap/core';
import { canary } from '@hotswap/strategy-canary';
import {
  healthyMetrics,
  instantRouter,
  MemoryDatabase,
  MemoryFleetReader,
  MemoryJournalStore,
  ScriptedFleet,
  ScriptedMetrics,
  VirtualScheduler,
  VirtualTime,
} from '@hotswap/testing';

const strategy = canary();
const clock = new VirtualTime();
const database = new MemoryDatabase(); // yours: tables of nodes, releases, assignments and journals
const scheduler = new VirtualScheduler(clock); // yours: a queue that survives a restart
const engine = createRolloutEngine({
  journal: new MemoryJournalStore(database),
  fleet: new MemoryFleetReader(database),
  metrics: new ScriptedMetrics(clock, () => healthyMetrics),
  router: instantRouter,
  clock,
  strategies: [strategy],
  engineId: 'engine:embedded',
});
const advance = async (deploymentId: string): Promise<void> => {
  const outcome = await engine.advance('default', deploymentId);
  if (outcome.kind === 'blocked' && outcome.wakeAt !== undefined)
    scheduler.request({ tenant: 'default', deploymentId, at: outcome.wakeAt });
};
database.onWake = (wake) => scheduler.request(wake);
await scheduler.start(({ deploymentId }) => advance(deploymentId));
// Yours: agents that make desired state so. These do it by script, and every report nudges the rollout.
new ScriptedFleet(database, clock, {}, () => clock.after(50, () => advance('first')));

for (const n of ['a', 'b', 'c', 'd']) database.addNode({ nodeId: `edge-${n}`, region: 'us-east' });
const module = { tenant: 'default', moduleId: 'greeter-v1.0.0', moduleName: 'greeter', releaseId: 'rel-1' };
database.addRelease({
  ...module,
  version: '1.0.0',
  digest: '0'.repeat(64),
  sizeBytes: 80,
  config: {},
  capabilities: noCapabilities,
  resourceLimits: defaultResourceLimits,
  http: null,
  runtime: defaultModuleRuntime,
  healthCheck: {},
});

const config = parseStrategyConfig(strategy, { stages: [25, 100], evaluationPeriod: 'PT5M' });
await engine.create(
  {
    ...module,
    deploymentId: 'first',
    strategy: 'Canary',
    config,
    regions: null,
    author: 'alice',
    healthCheck: defaultHealthCheck,
    autoRollback: defaultAutoRollback,
    progressDeadline: 'PT30M',
    retention: 'PT1H',
  },
  'alice',
);
await engine.command('default', 'first', 'execute', 'alice');
await clock.advance(15 * 60_000); // a quarter of an hour in a moment

const { summary, entryCount } = await engine.state('default', 'first');
console.log(`${summary.status}, ${String(summary.progressPercent)} %, ${String(entryCount)} journal entries`);
