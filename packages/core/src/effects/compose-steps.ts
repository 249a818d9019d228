import type { Steps } from '../contracts/strategy.ts';
import type { HealthCheckOverride } from '../model/health-check.ts';
import type { NodeSet } from '../model/node-set.ts';
import { verify, wait } from './create-effects.ts';
import type { Effect, StageFailure } from './effect.ts';
import { isStageFailed } from './stage-failed.ts';

/**
 * Lets a stage run under observation: the health checks of its nodes and all triggers watch for the whole period, then
 * every node must be healthy. This is where a rollout fails.
 * @throws StageFailed with the evidence; uncaught, the engine restores the baseline.
 * @public
 */
export function* bake(stage: {
  readonly forMs: number;
  readonly nodes: NodeSet;
  readonly failure: string;
  readonly check?: HealthCheckOverride;
}): Steps {
  const health = { failure: stage.failure, ...(stage.check ? { check: stage.check } : {}) };
  yield* wait({ forMs: stage.forMs, reason: 'evaluation', watch: stage.nodes, ...health });
  yield* verify({ nodes: stage.nodes, ...health });
}

/** How {@link attempt} ended. @public */
export type Attempted<Result> =
  { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly failure: StageFailure };

/**
 * Runs steps and returns their failure instead of throwing it. Everything but a `StageFailed` passes through: a bare
 * `catch` would swallow mistakes of the strategy itself.
 * @public
 */
export function* attempt<Result>(steps: () => Steps<Result>): Steps<Attempted<Result>> {
  try {
    return { ok: true, value: yield* steps() };
  } catch (thrown) {
    if (isStageFailed(thrown)) return { ok: false, failure: thrown.failure };
    throw thrown;
  }
}

/**
 * Runs steps over part of the targets: stamps the scope on their effects, so that triggers and restores keep to it, and
 * maps their progress of 0-100 onto `[fromPercent, toPercent]`.
 * @public
 */
export function* within<Result>(
  scope: NodeSet,
  fromPercent: number,
  toPercent: number,
  steps: Steps<Result>,
): Steps<Result> {
  let next = steps.next();
  while (!next.done) {
    next = steps.next(yield scoped(next.value, scope, fromPercent, toPercent));
  }
  return next.value;
}

function scoped(effect: Effect, scope: NodeSet, fromPercent: number, toPercent: number): Effect {
  const inScope = { ...effect, scope: effect.scope ?? scope };
  if (inScope.kind !== 'progress') return inScope;
  const percent = Math.floor(fromPercent + ((toPercent - fromPercent) * inScope.input.percent) / 100);
  return { ...inScope, input: { ...inScope.input, percent } };
}
