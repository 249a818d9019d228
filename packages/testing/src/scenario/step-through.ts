import {
  defaultHealthCheck,
  parseStrategyConfig,
  type Effect,
  type EffectResult,
  type Json,
  type NodeSet,
  type Outcome,
  type Steps,
  type Strategy,
} from '@hotswap/core';

/** What a strategy yielded, and how it ended. @public */
export interface SteppedThrough {
  readonly effects: readonly Effect[];
  readonly outcome: Outcome | null;
  /** What the strategy threw, when it threw. */
  readonly thrown: unknown;
}

/** @public */
export interface StepThroughOptions {
  readonly config?: unknown;
  /** Size of the target list. Default 10. */
  readonly nodes?: number;
  readonly regions?: Readonly<Record<string, NodeSet>>;
  /** Targets that serve a baseline. Default: all. */
  readonly running?: NodeSet;
  /** Steps of the inner strategies that it asks for. */
  readonly inner?: (name: string, part: { readonly targets: NodeSet; readonly config: Json }) => Steps<Outcome>;
  /** The result of an effect; `undefined` means that it goes well. */
  readonly answer?: (effect: Effect, step: number) => EffectResult<Json> | undefined;
}

/** Effects after which a strategy counts as endless. */
const mostSteps = 100_000;

/**
 * Runs a strategy's generator without an engine: every effect goes well at once unless the test answers otherwise.
 * @public
 */
export function stepThrough(strategy: Strategy<unknown>, options: StepThroughOptions = {}): SteppedThrough {
  const targets: NodeSet = options.nodes === 0 ? [] : [[0, options.nodes ?? 10]];
  const steps = strategy.rollout({
    deploymentId: 'd',
    releaseId: 'v2',
    moduleId: 'greeter-v2',
    targets,
    regions: options.regions ?? { here: targets },
    running: options.running ?? targets,
    healthCheck: defaultHealthCheck,
    config: parseStrategyConfig(strategy, options.config),
    inner: (name, part) => {
      if (!options.inner) throw new TypeError(`the test gave no steps for the inner strategy ${name}`);
      return options.inner(name, part);
    },
  });
  const effects: Effect[] = [];
  try {
    for (let next = steps.next(); effects.length < mostSteps; next = steps.next(answerOf(effects, options))) {
      if (next.done) return { effects, outcome: next.value, thrown: undefined };
      effects.push(JSON.parse(JSON.stringify(next.value)) as Effect);
    }
  } catch (thrown) {
    return { effects, outcome: null, thrown };
  }
  throw new TypeError(`${strategy.name} yielded ${mostSteps} effects and did not end`);
}

function answerOf(effects: readonly Effect[], { answer }: StepThroughOptions): EffectResult<Json> {
  const effect = effects.at(-1) as Effect;
  return answer?.(effect, effects.length - 1) ?? goesWell(effect);
}

function goesWell(effect: Effect): EffectResult<Json> {
  if (effect.kind === 'fail')
    return { ok: false, failure: { cause: effect.input.cause ?? 'strategy', message: effect.input.message } };
  if (effect.kind === 'pause') return { ok: true, value: { command: effect.input.accepts[0] ?? 'resume' } };
  return { ok: true, value: null };
}
