import type {
  Clock,
  FleetReader,
  JournalStore,
  MetricsSource,
  ModuleStore,
  RolloutEngine,
  Strategy,
  Tracer,
  NodeSelectorPlugin,
} from '@hotswap/core';
import type { Gateway } from '@hotswap/gateway';
import type { ProxyRouter } from './ports/proxy-router.ts';
import type { Logger } from 'pino';
import type { AgentHub } from './agents/agent-hub.ts';
import type { HeartbeatIntake } from './agents/heartbeat-intake.ts';
import type { AccessSecrets } from './auth/access-secrets.ts';
import type { CachedAuthenticator } from './auth/authenticator.ts';
import type { InvokeSigningKey } from './auth/invoke-signing-key.ts';
import type { LoginService } from './auth/login-service.ts';
import type { ServerConfig } from './config/schema.ts';
import type { EventBus } from './event-bus.ts';
import type { EventFeed } from './events/event-feed.ts';
import type { EventLogWriter } from './events/event-log-writer.ts';
import type { EventStreams } from './http/event-stream.ts';
import type { CallerLedger } from './interfaces/caller-ledger.ts';
import type { InterfaceGate } from './interfaces/interface-gate.ts';
import type { InterfaceRegistry } from './interfaces/interface-registry.ts';
import type { RequestLimits } from './limits/request-limits.ts';
import type { RolloutLoop } from './loops/rollout-loop.ts';
import type { ServerMetrics } from './telemetry/server-metrics.ts';
import type { TrainLoop } from './loops/train-loop.ts';
import type { ModuleService } from './modules/module-service.ts';
import type { NodeInquiry } from './nodes/node-inquiry.ts';
import type { TenantPolicies } from './policy/tenant-policies.ts';
import type { ApiKeys } from './ports/api-keys.ts';
import type { AuditLog } from './ports/audit-log.ts';
import type { ChangeHints } from './ports/change-hints.ts';
import type { DeploymentList } from './ports/deployment-list.ts';
import type { EventLog } from './ports/event-log.ts';
import type { IdempotencyKeys } from './ports/idempotency-keys.ts';
import type { CatchUps } from './ports/catch-ups.ts';
import type { NodeMetrics } from './ports/node-metrics.ts';
import type { InterfaceStore } from './ports/interface-store.ts';
import type { LiveRoutes } from './ports/live-routes.ts';
import type { ModuleRegistry, ReleaseRegistry } from './ports/module-registry.ts';
import type { TrainStore } from './ports/train-store.ts';
import type { NodeRegistry } from './ports/node-registry.ts';
import type { Users } from './ports/users.ts';

/** Everything that routes work with; `compose.ts` decides what stands behind it. @internal */
export interface ServerParts {
  readonly config: ServerConfig;
  readonly version: string;
  readonly logger: Logger;
  readonly authenticator: CachedAuthenticator;
  readonly secrets: AccessSecrets;
  readonly login: LoginService;
  readonly users: Users;
  readonly apiKeys: ApiKeys;
  readonly limits: RequestLimits;
  readonly modules: ModuleRegistry;
  readonly moduleService: ModuleService;
  readonly releases: ReleaseRegistry;
  readonly interfaces: InterfaceStore;
  readonly interfaceRegistry: InterfaceRegistry;
  /** What every deployment has to pass. */
  readonly gate: InterfaceGate;
  /** Who calls which function. */
  readonly callers: CallerLedger;
  readonly nodes: NodeRegistry;
  /** What only nodes themselves can tell. */
  readonly inquiry: NodeInquiry;
  readonly deployments: DeploymentList;
  /** What tenants have laid down for deployments. */
  readonly policies: TenantPolicies;
  readonly routes: LiveRoutes;
  readonly keys: IdempotencyKeys;
  readonly audit: AuditLog;
  readonly telemetry: Telemetry;
  readonly trains: TrainStore;
  readonly trainLoop: TrainLoop;
  readonly journal: Pick<JournalStore, 'read'>;
  readonly metrics: MetricsSource;
  /** Names of the further sources that triggers may ask. */
  readonly metricsSources: readonly string[];
  readonly fleet: Pick<FleetReader, 'candidates' | 'regions'>;
  readonly clock: Clock;
  readonly store: ModuleStore;
  readonly engine: RolloutEngine;
  readonly strategies: readonly Strategy<unknown>[];
  readonly nodeMetrics: NodeMetrics;
  /** Nodes that joined, or were away, when a release was rolled out. */
  readonly catchUps: CatchUps;
  /** Selectors that deployments may name. */
  readonly selectors: readonly NodeSelectorPlugin<unknown>[];
  readonly gateway: Gateway;
  /** Adapters of proxies that stand in front of the fleet beside the gateway. */
  readonly proxies: readonly ProxyRouter[];
  readonly loop: RolloutLoop;
  readonly hub: AgentHub;
  readonly intake: HeartbeatIntake;
  readonly changes: ChangeHints;
  readonly events: EventBus;
  readonly liveEvents: LiveEvents;
  readonly streams: EventStreams;
  /** By what nodes verify invoke tokens. */
  readonly signingKey: Pick<InvokeSigningKey, 'publicKeyOf'>;
  /** Rejects when the database does not answer. */
  readonly checkDatabase: () => Promise<void>;
  /** Whether Redis answers. Absent: none is used. */
  readonly isRedisUp?: () => boolean;
  readonly lifecycle: Lifecycle;
  /** `true`: answers are checked against their schemas; for tests, since clients are the ones who suffer otherwise. */
  readonly checksAnswers: boolean;
}

/** How events get to the streams of all servers. @internal */
export interface LiveEvents {
  readonly log: EventLog;
  readonly feed: EventFeed;
  readonly writer: EventLogWriter;
}

/** What the server tells of itself. @internal */
export interface Telemetry {
  readonly metrics: ServerMetrics;
  /** `null`: nothing is traced. */
  readonly tracer: Tracer | null;
}

/** Where the process is in its life. @internal */
export interface Lifecycle {
  state: 'starting' | 'running' | 'stopping';
  readonly startedAtMs: number;
}
