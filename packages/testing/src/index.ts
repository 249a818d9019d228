export { MemoryDatabase } from './memory/memory-database.ts';
export type {
  Assignment,
  Assignments,
  DeploymentRow,
  MemoryMirror,
  NodeInventory,
  NodeRow,
  OutboxMessage,
  RequestedWake,
  TargetRow,
} from './memory/memory-database.ts';
export { MemoryFleetReader } from './memory/memory-fleet-reader.ts';
export { MemoryJournalStore } from './memory/memory-journal-store.ts';
export { VirtualScheduler } from './time/virtual-scheduler.ts';
export { VirtualTime } from './time/virtual-time.ts';
export { ScriptedFleet } from './scenario/scripted-fleet.ts';
export type { FleetScript, ScriptedNode } from './scenario/scripted-fleet.ts';
export { healthyMetrics, ScriptedMetrics } from './scenario/scripted-metrics.ts';
export type { MetricsQuery } from './scenario/scripted-metrics.ts';
export { instantRouter, simulateRollout, Simulation } from './scenario/simulation.ts';
export type {
  CommitListener,
  ServedRelease,
  SimulatedDeployment,
  SimulatedNode,
  SimulationOptions,
} from './scenario/simulation.ts';
export { SimulatedTrain } from './scenario/simulated-train.ts';
export type { SimulatedTrainOptions } from './scenario/simulated-train.ts';
export { createMemoryJournalStoreRig } from './memory/memory-journal-store-rig.ts';
export type { RunningTest, SuiteOptions, TestFunction } from './suites/define-suite.ts';
export { journalStoreSuite } from './suites/journal-store/index.ts';
export type { JournalStoreRig } from './suites/journal-store/journal-store-rig.ts';
export { sweepCrashes } from './scenario/crash-sweep.ts';
export type { CrashPoint, SurvivedCrash } from './scenario/crash-sweep.ts';
export { journalEvents, journalLines, journalOutline, parseJournalLines } from './scenario/record-journal.ts';
export { goldenJournalSuite } from './suites/golden/index.ts';
export type { GoldenJournalOptions } from './suites/golden/index.ts';
export { runGoldenScenario } from './suites/golden/golden-rollouts.ts';
export type { GoldenOptions, GoldenRollouts, GoldenScenario } from './suites/golden/golden-rollouts.ts';
export { strategySuite } from './suites/strategy/index.ts';
export { assertReplays } from './suites/strategy/replay-assertion.ts';
export { pausesFrom } from './suites/strategy/strategy-clauses.ts';
export type { StrategyRig } from './suites/strategy/strategy-rig.ts';
export { V8RuntimeHost } from './fakes/v8-runtime-host.ts';
export { MemoryModuleStore } from './memory/memory-module-store.ts';
export { MemoryPolicyStore } from './memory/memory-policy-store.ts';
export { policyStoreSuite } from './suites/policy-store/index.ts';
export type { PolicyStoreRig } from './suites/policy-store/policy-store-rig.ts';
export { moduleStoreSuite } from './suites/module-store/index.ts';
export type { ModuleStoreRig } from './suites/module-store/index.ts';
export type { ContractFolder, RuntimeHostRig } from './suites/runtime-host/host-clauses.ts';
export { runtimeHostSuite } from './suites/runtime-host/index.ts';
export { fanOutSuite } from './suites/fan-out/index.ts';
export type { FanOutRig } from './suites/fan-out/fan-out-rig.ts';
export { rateCounterSuite } from './suites/rate-counter/index.ts';
export type { RateCounterRig } from './suites/rate-counter/rate-counter-rig.ts';
export { schedulerSuite } from './suites/scheduler/index.ts';
export type { SchedulerRig } from './suites/scheduler/scheduler-rig.ts';
export { stepThrough } from './scenario/step-through.ts';
export type { SteppedThrough, StepThroughOptions } from './scenario/step-through.ts';
export { historyViolations } from './history/history-checker.ts';
export type { RolloutHistory, TrainHistory } from './history/history-checker.ts';
export { rollOutBySeed } from './history/seeded-rollout.ts';
export type { SeededRun, SeededStrategy } from './history/seeded-rollout.ts';
export { SeededRandom } from './scenario/seeded-random.ts';
