export { actAs } from './database/acting.ts';
export type { Acting } from './database/acting.ts';
export { ChangeFeed } from './database/change-feed.ts';
export type { ChangeHint } from './database/change-feed.ts';
export { DatabaseClock } from './database/database-clock.ts';
export type { Database } from './database/database.ts';
export { openDatabase } from './database/open-database.ts';
export type { DatabaseOptions } from './database/open-database.ts';
export { poolUse } from './database/pool-use.ts';
export type { PoolUse } from './database/pool-use.ts';
export type { Session, Statement, StatementAct } from './database/session.ts';
export { stateErrorCodes } from './error-codes.ts';
export type { StateErrorCode } from './error-codes.ts';
export { PostgresFleetReader } from './postgres-fleet-reader.ts';
export type { FleetReaderOptions } from './postgres-fleet-reader.ts';
export { PostgresJournalStore, journalFailpoints } from './postgres-journal-store.ts';
export { PostgresMetricsSource } from './postgres-metrics-source.ts';
export { PostgresScheduler } from './postgres-scheduler.ts';
export { AuditRepository } from './repositories/audit-repository.ts';
export type { AuditQuery } from './repositories/audit-repository.ts';
export { CredentialRepository } from './repositories/credential-repository.ts';
export type { CredentialRecord, NewCredential } from './repositories/credential-repository.ts';
export { DeploymentRepository } from './repositories/deployment-repository.ts';
export type { DeploymentNode, DeploymentRecord } from './repositories/deployment-repository.ts';
export { DesiredStateRepository } from './repositories/desired-state-repository.ts';
export { FleetCountRepository } from './repositories/fleet-count-repository.ts';
export type { FleetCounts } from './repositories/fleet-count-repository.ts';
export { HeartbeatRepository } from './repositories/heartbeat-repository.ts';
export type { HeartbeatOutcome, HeartbeatReport } from './repositories/heartbeat-repository.ts';
export { IdempotencyRepository } from './repositories/idempotency-repository.ts';
export type { IdempotencyStart, IdempotentRequest } from './repositories/idempotency-repository.ts';
export { InterfaceRepository } from './repositories/interface-repository.ts';
export type {
  InterfaceConsumer,
  InterfaceDecision,
  InterfaceRecord,
  InterfaceStatus,
  NewInterface,
} from './repositories/interface-repository.ts';
export { LiveUseRepository } from './repositories/live-use-repository.ts';
export type { FunctionCaller, HostKind, LiveModule } from './repositories/live-use-repository.ts';
export { ModuleRepository } from './repositories/module-repository.ts';
export type { NewModule } from './repositories/module-repository.ts';
export { NodeRepository } from './repositories/node-repository.ts';
export type { NodeDescription, NodeQuery, NodeRecord } from './repositories/node-repository.ts';
export { NodeSilenceRepository } from './repositories/node-silence-repository.ts';
export type { NodeSilence, SilenceWording } from './repositories/node-silence-repository.ts';
export { OutboxRepository } from './repositories/outbox-repository.ts';
export type { OutboxMessage } from './repositories/outbox-repository.ts';
export type { Page, PageQuery } from './repositories/page.ts';
export { PolicyRepository } from './repositories/policy-repository.ts';
export { ReleaseRepository } from './repositories/release-repository.ts';
export { RouteRepository } from './repositories/route-repository.ts';
export type { LiveRoute, RouteTarget } from './repositories/route-repository.ts';
export { SettingRepository } from './repositories/setting-repository.ts';
export { TrainRepository } from './repositories/train-repository.ts';
export type { TrainMemberRecord, TrainRecord } from './repositories/train-repository.ts';
export { CatchUpRepository } from './repositories/catch-up-repository.ts';
export type { OutstandingNode, OutstandingQuery } from './repositories/catch-up-repository.ts';
export type { NodeReleaseMetrics } from './postgres-metrics-source.ts';
export { ApiKeyRepository } from './repositories/api-key-repository.ts';
export type { ApiKeyRecord, KnownApiKey, NewApiKey } from './repositories/api-key-repository.ts';
export { DayQuotaRepository } from './repositories/day-quota-repository.ts';
export type { DayGrant } from './repositories/day-quota-repository.ts';
export { LoginFailureRepository } from './repositories/login-failure-repository.ts';
export type { LoginSubject } from './repositories/login-failure-repository.ts';
export { UserRepository } from './repositories/user-repository.ts';
export type { NewUser, UserChanges, UserRecord } from './repositories/user-repository.ts';
