import type { Steps } from '../contracts/strategy.ts';
import type { HealthCheckOverride } from '../model/health-check.ts';
import type { Effect } from './effect.ts';

/** Lays an inner strategy's health check keys over every check that its steps ask for; their own keys win. @internal */
export function* checkedBy<Result>(check: HealthCheckOverride, steps: Steps<Result>): Steps<Result> {
  let next = steps.next();
  while (!next.done) next = steps.next(yield withCheck(next.value, check));
  return next.value;
}

function withCheck(effect: Effect, check: HealthCheckOverride): Effect {
  const asks = effect.kind === 'verify' || (effect.kind === 'wait' && effect.input.watch !== undefined);
  if (!asks || Object.keys(check).length === 0) return effect;
  return { ...effect, input: { ...effect.input, check: { ...check, ...effect.input.check } } } as Effect;
}
