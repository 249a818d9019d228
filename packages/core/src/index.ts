export { actText, emptyAudit, verifyActs } from './audit/audit-act.ts';
export type { AuditAct, AuditHead, HashText } from './audit/audit-act.ts';
export type { Clock } from './contracts/clock.ts';
export type { EventSink, HotSwapEvent } from './contracts/event-sink.ts';
export type { FanOut } from './contracts/fan-out.ts';
export type { CandidateNode, FleetReader, NodeProgress } from './contracts/fleet-reader.ts';
export { defaultHttpLimits } from './contracts/http-plane.ts';
export type {
  HttpAccessRecord,
  HttpCertificate,
  HttpDrain,
  HttpFallbackRequest,
  HttpFallbackResponse,
  HttpHeader,
  HttpLimits,
  HttpListenOptions,
  HttpListener,
  HttpOutputRecord,
  HttpPlane,
  HttpPlaneOptions,
  HttpPlaneStats,
  HttpRequestHead,
  HttpRoute,
  HttpVersionStats,
} from './contracts/http-plane.ts';
export type { Judge, Judgement } from './contracts/judge.ts';
export type { JournalBatch, JournalStore } from './contracts/journal-store.ts';
export type {
  CallOptions,
  CallResult,
  CommandOptions,
  CommandResult,
  HostFunction,
  HostImports,
  LoadedModule,
  LoadOptions,
  ModuleInstance,
  ModuleSource,
  ModuleStats,
  NetworkPolicy,
  ResourceHandle,
  WasiPolicy,
  WitValue,
} from './contracts/loaded-module.ts';
export type { MetricsQuestion, MetricsSource } from './contracts/metrics-source.ts';
export type { ModuleStore, ModuleStoreCapabilities, StoredModule } from './contracts/module-store.ts';
export { allReachableNodes } from './contracts/node-selector.ts';
export type { NodeSelector, NodeSelectorPlugin } from './contracts/node-selector.ts';
export { rateGrant } from './contracts/rate-counter.ts';
export type { RateCounter, RateGrant, RateQuestion, WindowCounts } from './contracts/rate-counter.ts';
export type { RuntimeCapabilities, RuntimeHost } from './contracts/runtime-host.ts';
export type {
  Advance,
  CommandOptions as DeploymentCommandOptions,
  Deployment,
  RolloutEngine,
  RolloutEngineFactory,
  RolloutEngineOptions,
} from './contracts/rollout-engine.ts';
export type { Scheduler } from './contracts/scheduler.ts';
export type { SlotAssignment, SlotCall, SlotResult, SlotTable } from './contracts/slot-table.ts';
export type { Outcome, RolloutContext, Steps, Strategy } from './contracts/strategy.ts';
export type { SpanAttributes, SpanStart, Tracer, TraceSpan } from './contracts/tracer.ts';
export type {
  MirrorBoard,
  MirrorReport,
  RevisionBoard,
  Route,
  RouteHint,
  RouteMatch,
  RouteMirror,
  RouteSource,
  RouteTarget,
  TrafficRouter,
} from './contracts/traffic-router.ts';
export { attempt, bake, within } from './effects/compose-steps.ts';
export type { Attempted } from './effects/compose-steps.ts';
export {
  deploy,
  fail,
  judge,
  mirror,
  notify,
  observe,
  pause,
  progress,
  restore,
  retire,
  shiftTraffic,
  verify,
  wait,
} from './effects/create-effects.ts';
export type { EffectCreator } from './effects/create-effects.ts';
export type {
  Effect,
  EffectInput,
  EffectKind,
  EffectOf,
  EffectResult,
  EffectTable,
  EffectValue,
  FailureCause,
  PauseAnswer,
  StageFailure,
  Verdict,
  WinnerCriteria,
} from './effects/effect.ts';
export { StageFailed, isStageFailed } from './effects/stage-failed.ts';
export { coreErrorCodes } from './errors/error-codes.ts';
export type { CoreErrorCode } from './errors/error-codes.ts';
export { HotSwapError, errorFactory, hotSwapError } from './errors/hotswap-error.ts';
export type { ErrorCodeEntry, ErrorCodeTable, ErrorDetails, ErrorFactory } from './errors/hotswap-error.ts';
export { isHotSwapError } from './errors/is-hotswap-error.ts';
export { nearestOf } from './errors/near-miss.ts';
export { JournalExplainer, explainJournal } from './explain/journal-explainer.ts';
export { autoRollbackSchema, builtInSource, defaultAutoRollback, pausesWithoutData } from './model/auto-rollback.ts';
export type { AutoRollback, RollbackTrigger } from './model/auto-rollback.ts';
export { deploymentStatuses } from './model/deployment.ts';
export type {
  DeploymentId,
  DeploymentSpec,
  DeploymentStatus,
  DeploymentSummary,
  GivenApproval,
  Instant,
  ReleaseId,
} from './model/deployment.ts';
export type {
  DesiredModule,
  DesiredRelease,
  DesiredState,
  ObservedRelease,
  ObservedState,
  ReleaseCallDelta,
} from './model/desired-state.ts';
export { digestSchema, sha256Hex } from './model/digest.ts';
export type { Digest } from './model/digest.ts';
export { durationMs, durationSchema, positiveDurationSchema, toDuration } from './model/duration.ts';
export type { Duration } from './model/duration.ts';
export {
  defaultHealthCheck,
  healthCheckOverrideSchema,
  healthCheckSchema,
  resolveHealthCheck,
} from './model/health-check.ts';
export type { HealthCheck, HealthCheckOverride } from './model/health-check.ts';
export {
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheck,
  strategyHealthCheckShape,
} from './model/strategy-health-check.ts';
export type { StrategyHealthCheck, WrittenHealthFunction } from './model/strategy-health-check.ts';
export { httpServingOf } from './model/http-serving.ts';
export { canonicalJson, deepFreeze } from './model/json.ts';
export type { Json } from './model/json.ts';
export { latencyBucket, latencyBucketEdgeMs, mergeSketches, sketchQuantileMs } from './model/latency-sketch.ts';
export type { LatencySketch } from './model/latency-sketch.ts';
export {
  customMetricName,
  metricMean,
  metricNames,
  metricNameSchema,
  metricValue,
  noMetrics,
  onlyFinite,
} from './model/metrics.ts';
export type { LatencySummary, MeanEstimate, MetricName, VariantMetrics } from './model/metrics.ts';
export { defaultInstanceReuse, defaultModuleRuntime, defaultResourceLimits, noCapabilities } from './model/module.ts';
export type {
  Capabilities,
  FunctionSignature,
  HttpAffinity,
  HttpServing,
  InstanceReuse,
  ModuleDescription,
  ModuleExtern,
  ModuleHttp,
  ModuleRecord,
  ModuleRuntime,
  Release,
  ResourceLimits,
  WasiLevel,
} from './model/module.ts';
export {
  hasPosition,
  nodeCount,
  nodeSetOf,
  nodeSetSchema,
  positionsOf,
  sliceNodes,
  subtractNodes,
  unionNodes,
} from './model/node-set.ts';
export type { NodeRange, NodeSet } from './model/node-set.ts';
export { offPeakWindowSchema, offPeakWindowsSchema, weekdays } from './model/off-peak-window.ts';
export type { OffPeakWindow, Weekday } from './model/off-peak-window.ts';
export {
  approvalRuleSchema,
  approvalRuleShape,
  approversBesides,
  isApprover,
  requiredApprovals,
} from './policy/approval-rule.ts';
export type { ApprovalActor, ApprovalNeed, ApprovalRule, ApproverRole, Approvers } from './policy/approval-rule.ts';
export { changeRefusal, changeRefusedError, changeRulesOf } from './policy/change-rules.ts';
export type { ChangeRefusal, ChangeRules } from './policy/change-rules.ts';
export { deploymentEnvironments, forEnvironment, noPolicy, policySchema, policyShape } from './policy/policy.ts';
export type { ByEnvironment, DeploymentEnvironment, Policy, PolicyFreeze } from './policy/policy.ts';
export { policyChanges } from './policy/policy-changes.ts';
export type { PolicyChange } from './policy/policy-changes.ts';
export type { PolicyStore, StoredPolicy } from './contracts/policy-store.ts';
export type { Change, DeploymentChange } from './rollout/change.ts';
export { hashEntry, verifyJournal } from './rollout/chain-entries.ts';
export { commandSituations, commandTable } from './rollout/command-table.ts';
export type { CommandRule, CommandSituation } from './rollout/command-table.ts';
export type { Failpoint, FailpointSubject } from './rollout/failpoint.ts';
export { deploymentCommands, genesisHash } from './rollout/journal-entry.ts';
export type {
  BaselineGroup,
  DeploymentCommand,
  EngineEffect,
  EntryHash,
  HoldReason,
  JournalEntry,
  JournalEvent,
  JournalPosition,
  RetainEffect,
  RuleOverride,
} from './rollout/journal-entry.ts';
export { judgeSequential } from './rollout/judge-sequential.ts';
export { judgeWelch } from './rollout/judge-welch.ts';
export { parseStrategyConfig } from './rollout/replay.ts';
export type { StrategyPosition } from './rollout/replay.ts';
export { replayJournal } from './rollout/replay-journal.ts';
export type { ReplayedJournal } from './rollout/replay-journal.ts';
export { createRolloutEngine, engineFailpoints } from './rollout/rollout-engine.ts';
export { routeWeights } from './rollout/route-weights.ts';
export type { RouteWeights } from './rollout/route-weights.ts';
export { checkCapabilities } from './runtime/asked-capabilities.ts';
export type { AskedCapabilities } from './runtime/asked-capabilities.ts';
export { runtimeContractErrorCodes } from './runtime/error-codes.ts';
export type { RuntimeContractErrorCode } from './runtime/error-codes.ts';
export { callTimeoutMs, drainLimitMs, loadLimits } from './runtime/load-limits.ts';
export type { LoadBounds, LoadLimits, NetworkLimits } from './runtime/load-limits.ts';
export { chooseByKey, chooseByWeight, chooseVersion } from './runtime/weighted-choice.ts';
export type { Weighted } from './runtime/weighted-choice.ts';
export { differenceInterval } from './statistics/always-valid-mean.ts';
export type { SequentialInterval } from './statistics/always-valid-mean.ts';
export { logEvidenceAgainst, logEvidenceOfUnequal, proportionInterval } from './statistics/always-valid-proportion.ts';
export type { Tally } from './statistics/always-valid-proportion.ts';
export { logEvidenceOfUnequalQuantiles, quantileInterval } from './statistics/always-valid-quantile.ts';
export type { DeploymentTraffic, TrafficMatch } from './model/traffic-match.ts';
export { mirrorCompareSchema, noMirrorTally } from './model/traffic-mirror.ts';
export type { MirrorCompare, MirrorDifference, MirrorTally, TrafficMirror } from './model/traffic-mirror.ts';
export { chooseTargets, parseNodeSelectors, selectorShelf } from './rollout/choose-targets.ts';
export type { ChosenTargets } from './rollout/choose-targets.ts';
export type { PassedOver } from './rollout/journal-entry.ts';
export type { NamedSelector } from './model/named-selector.ts';
export { commandTrain } from './trains/command-train.ts';
export type { TrainAnswer, TrainCommand } from './trains/command-train.ts';
export { decideTrain } from './trains/decide-train.ts';
export type { MemberState, TrainDecision } from './trains/decide-train.ts';
export { driveTrain, givenUpReason } from './trains/drive-train.ts';
export type { TrainDriveParts } from './trains/drive-train.ts';
export { explainTrain, explainTrainCommand } from './trains/explain-train.ts';
export { trainMemberSpec } from './trains/train-member-spec.ts';
export type { Train, TrainChange, TrainIntent, TrainMember } from './trains/train.ts';
