import type { Clock } from '../contracts/clock.ts';
import type { FleetReader } from '../contracts/fleet-reader.ts';
import type { Judge } from '../contracts/judge.ts';
import type { MetricsSource } from '../contracts/metrics-source.ts';
import type { NodeSelector, NodeSelectorPlugin } from '../contracts/node-selector.ts';
import type { TrafficRouter } from '../contracts/traffic-router.ts';
import type { ChangeRules } from '../policy/change-rules.ts';
import type { StrategyShelf } from './replay.ts';

/** What decisions are made with: all of it reads. @internal */
export interface EngineParts {
  readonly fleet: FleetReader;
  readonly metrics: MetricsSource;
  readonly metricsSources: Readonly<Record<string, MetricsSource>>;
  readonly clock: Clock;
  readonly router: TrafficRouter;
  readonly shelf: StrategyShelf;
  readonly selector: NodeSelector;
  readonly selectors: ReadonlyMap<string, NodeSelectorPlugin<unknown>>;
  readonly judges: Readonly<Record<string, Judge>>;
  readonly engineId: string;
  readonly triggerIntervalMs: number;
  readonly pendingExpiryMs: number;
  readonly approvalExpiryMs: number;
  readonly changeRules: (tenant: string) => Promise<ChangeRules | null>;
}
