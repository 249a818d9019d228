import type { FleetReader } from '../contracts/fleet-reader.ts';
import type { Judge } from '../contracts/judge.ts';
import type { MetricsSource } from '../contracts/metrics-source.ts';
import type { TrafficRouter } from '../contracts/traffic-router.ts';
import type { EffectKind, EffectOf, EffectResult, StageFailure } from '../effects/effect.ts';
import type { DeploymentSpec, Instant, ReleaseId } from '../model/deployment.ts';
import type { HealthCheck, HealthCheckOverride } from '../model/health-check.ts';
import { resolveHealthCheck } from '../model/health-check.ts';
import type { Json } from '../model/json.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { Change } from './change.ts';
import type { FrozenRollout } from './rollout-state.ts';

/** What a handler may read about the step that it handles. @internal */
export interface EffectScope {
  readonly spec: DeploymentSpec;
  readonly frozen: FrozenRollout;
  readonly step: number;
  readonly since: Instant;
  readonly now: Instant;
  /** Time since `began` without what the rollout was held. */
  readonly activeMs: number;
  /** The same since the last `moved`. Deadlines of nodes count from here: they start anew when a hold for want of nodes ends. */
  readonly sinceMoveMs: number;
  readonly cursor: number;
  readonly fleet: FleetReader;
  readonly metrics: MetricsSource;
  readonly router: TrafficRouter;
  /** When traffic last moved in the scope of the effect; `null` while none has. */
  readonly shiftedAt: Instant | null;
  readonly judges: Readonly<Record<string, Judge>>;
}

/** What a look at the fleet came to. `changes` are committed with the entry that follows from it. @internal */
export type EffectCheck =
  | { readonly ended: EffectResult<Json>; readonly facts?: Json; readonly changes?: readonly Change[] }
  | {
      readonly ended?: undefined;
      readonly wakeAt?: Instant;
      readonly cursor?: number;
      readonly changes?: readonly Change[];
    };

/**
 * How one kind of effect is carried out. Handlers read and the engine writes, so a check may be repeated at any time on
 * any server. Defaults of absent input members live here.
 * @internal
 */
export interface EffectHandler<K extends EffectKind> {
  /** Its result depends on nothing that its own commit changes: it begins and ends in one commit. */
  readonly instant?: true;
  /** Committed together with `began`. */
  begin(effect: EffectOf<K>, scope: EffectScope): readonly Change[];
  check(effect: EffectOf<K>, scope: EffectScope): Promise<EffectCheck>;
  /** Committed together with `ended`, however the effect ends: by itself, by a trigger, by a person. */
  end?(effect: EffectOf<K>): readonly Change[];
  /** Looks for a reason to fail at once, also while the rollout is held. */
  watch?(effect: EffectOf<K>, scope: EffectScope): Promise<StageFailure | null>;
  /**
   * Longest active time that the effect takes by its own input, since its last move; `null` when it waits for people.
   * `from` is when that time began to count.
   */
  expectedMs(effect: EffectOf<K>, spec: DeploymentSpec, from: Instant): number | null;
}

/** The result of an effect that went well. @internal */
export function succeeded(value: Json): { readonly ended: EffectResult<Json> } {
  return { ended: { ok: true, value } };
}

/** The result of an effect that did not. @internal */
export function failed(failure: StageFailure): { readonly ended: EffectResult<Json> } {
  return { ended: { ok: false, failure } };
}

/** Release that an effect is about: the deployment's own unless it names another. @internal */
export function releaseOf(input: { readonly releaseId?: ReleaseId }, spec: DeploymentSpec): ReleaseId {
  return input.releaseId ?? spec.releaseId;
}

/** Health check of a step: the effect's keys over the deployment's. @internal */
export function checkOf(input: { readonly check?: HealthCheckOverride }, spec: DeploymentSpec): HealthCheck {
  return resolveHealthCheck(spec.healthCheck, input.check);
}

/** Positions named by failures, ascending. @internal */
export function namedNodes(failures: readonly { readonly position: number }[]): NodeSet {
  return failures
    .map(({ position }) => position)
    .sort((a, b) => a - b)
    .map((position) => [position, position + 1] as const);
}
