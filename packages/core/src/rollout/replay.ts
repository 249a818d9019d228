import { issuePointers } from '../errors/issue-pointers.ts';
import type { Outcome, RolloutContext, Steps, Strategy } from '../contracts/strategy.ts';
import type { Effect, EffectResult, StageFailure } from '../effects/effect.ts';
import { checkedBy } from '../effects/checked-steps.ts';
import { isStageFailed } from '../effects/stage-failed.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import { mirroredFirst } from '../effects/mirrored-first.ts';
import { resolveHealthCheck } from '../model/health-check.ts';
import { canonicalJson, deepFreeze, type Json } from '../model/json.ts';
import { subtractNodes, unionNodes, type NodeSet } from '../model/node-set.ts';
import { readEffect } from './effect-schema.ts';
import type { DeploymentSpec } from '../model/deployment.ts';
import type { FrozenRollout } from './rollout-state.ts';

/** A step of the strategy as the journal holds it. @internal */
export interface RecordedStep {
  readonly effect: Effect;
  readonly result?: EffectResult<Json>;
}

/** Where a strategy has got to. @public */
export type StrategyPosition =
  | { readonly kind: 'effect'; readonly effect: Effect }
  | { readonly kind: 'returned'; readonly outcome: Outcome }
  /** An uncaught `StageFailed`: the failure path of every strategy. */
  | { readonly kind: 'failed'; readonly failure: StageFailure }
  | { readonly kind: 'threw'; readonly detail: string }
  | { readonly kind: 'diverged'; readonly detail: string }
  | { readonly kind: 'missing'; readonly needs: string };

/** Strategies by name and version. @internal */
export class StrategyShelf {
  readonly #strategies = new Map<string, Strategy<unknown>>();
  readonly #newest = new Map<string, number>();

  constructor(strategies: readonly Strategy<unknown>[]) {
    for (const strategy of strategies) {
      const key = `${strategy.name}@${strategy.version}`;
      if (this.#strategies.has(key)) throw hotSwapError('HS_PLUGIN_DUPLICATE', { kind: 'strategy', name: key });
      this.#strategies.set(key, strategy);
      this.#newest.set(strategy.name, Math.max(strategy.version, this.#newest.get(strategy.name) ?? 0));
    }
  }

  /** Newest version of each name: what a rollout freezes when it is executed. */
  get newestVersions(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#newest].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  get names(): readonly string[] {
    return [...this.#newest.keys()].sort();
  }

  find(name: string, version: number | undefined): Strategy<unknown> | undefined {
    return version === undefined ? undefined : this.#strategies.get(`${name}@${version}`);
  }
}

/** Thrown through a strategy that asks for an inner one which this process lacks. */
class StrategyMissing extends Error {
  readonly needs: string;
  constructor(needs: string) {
    super(needs);
    this.needs = needs;
  }
}

/**
 * A strategy's generator with the results that it has been fed. The same journal brings it to the same position in any
 * process; one that is kept alive is only spared the way there.
 * @internal
 */
export class StrategyRun {
  readonly #shelf: StrategyShelf;
  readonly #spec: DeploymentSpec;
  readonly #frozen: FrozenRollout;
  #steps: Steps<Outcome> | null = null;
  #position: StrategyPosition | null = null;
  #fed = 0;

  constructor(shelf: StrategyShelf, spec: DeploymentSpec, frozen: FrozenRollout) {
    this.#shelf = shelf;
    this.#spec = spec;
    this.#frozen = frozen;
  }

  /** Feeds every recorded step that has a result and was not fed yet, and says where that leads. */
  catchUp(recorded: readonly RecordedStep[]): StrategyPosition {
    this.#position ??= this.#start();
    for (; this.#fed < recorded.length; this.#fed++) {
      const step = recorded[this.#fed];
      if (!step?.result) break;
      if (this.#position.kind === 'missing') return this.#position;
      if (this.#position.kind !== 'effect' || !sameEffect(this.#position.effect, step.effect))
        return this.#diverged(step.effect);
      const { result } = step;
      this.#position = this.#run((steps) => steps.next(deepFreeze(structuredCloneJson(result))));
    }
    return this.#position;
  }

  #diverged(journalled: Effect): StrategyPosition {
    const position = this.#position;
    const yields =
      position?.kind === 'effect'
        ? canonicalJson(position.effect)
        : position?.kind === 'returned'
          ? 'its end'
          : canonicalJson(position);
    return {
      kind: 'diverged',
      detail: `At step ${this.#fed} the journal holds ${canonicalJson(journalled)}, but ${this.#spec.strategy} yields ${yields}`,
    };
  }

  #start(): StrategyPosition {
    try {
      const context = this.#context();
      const steps = this.#strategy(this.#spec.strategy).rollout(context);
      const mirror = this.#spec.traffic?.mirror;
      this.#steps = mirror === undefined ? steps : mirroredFirst(mirror, context.targets, steps);
    } catch (thrown) {
      return positionOf(thrown);
    }
    return this.#run((steps) => steps.next());
  }

  #run(next: (steps: Steps<Outcome>) => IteratorResult<Effect, Outcome>): StrategyPosition {
    try {
      const { done, value } = next(this.#steps as Steps<Outcome>);
      return done
        ? { kind: 'returned', outcome: deepFreeze(structuredCloneJson(value)) }
        : { kind: 'effect', effect: readEffect(value) };
    } catch (thrown) {
      return positionOf(thrown);
    }
  }

  #strategy(name: string): Strategy<unknown> {
    const version = this.#frozen.strategyVersions[name];
    const strategy = this.#shelf.find(name, version);
    if (strategy) return strategy;
    if (version === undefined)
      throw hotSwapError('HS_STRATEGY_UNKNOWN', {
        strategy: name,
        known: Object.keys(this.#frozen.strategyVersions).join(', '),
      });
    throw new StrategyMissing(`strategy ${name}@${version}`);
  }

  #context(): RolloutContext<unknown> {
    const { targets, regions, baseline } = this.#frozen;
    const { deploymentId, releaseId, moduleId, healthCheck, config } = this.#spec;
    const running = baseline
      .filter((group) => group.releases.length > 0)
      .reduce<NodeSet>((nodes, group) => unionNodes(nodes, group.nodes), []);
    const outer = structuredCloneJson({
      deploymentId,
      releaseId,
      moduleId,
      healthCheck,
      config,
      regions,
      running,
      targets: targets.length === 0 ? [] : ([[0, targets.length]] as NodeSet),
    });
    const context = (part: typeof outer): RolloutContext<unknown> =>
      Object.freeze({
        ...deepFreeze(part),
        inner: (name: string, inside: { readonly targets: NodeSet; readonly config: Json }): Steps<Outcome> => {
          const strategy = this.#strategy(name);
          const parsed = parseStrategyConfig(strategy, inside.config);
          const check = strategy.healthCheck?.(parsed) ?? {};
          const healthCheck = resolveHealthCheck(part.healthCheck, check);
          const own = { ...part, ...partOf(part, inside.targets), healthCheck, config: parsed };
          return checkedBy(check, strategy.rollout(context(structuredCloneJson(own))));
        },
      });
    return context(outer);
  }
}

function partOf(
  whole: { readonly regions: Readonly<Record<string, NodeSet>>; readonly running: NodeSet },
  targets: NodeSet,
): { targets: NodeSet; regions: Record<string, NodeSet>; running: NodeSet } {
  const common = (nodes: NodeSet): NodeSet => subtractNodes(nodes, subtractNodes(nodes, targets));
  const regions = Object.entries(whole.regions).map(([region, nodes]) => [region, common(nodes)] as const);
  return {
    targets,
    regions: Object.fromEntries(regions.filter(([, nodes]) => nodes.length > 0)),
    running: common(whole.running),
  };
}

function positionOf(thrown: unknown): StrategyPosition {
  if (thrown instanceof StrategyMissing) return { kind: 'missing', needs: thrown.needs };
  if (isStageFailed(thrown)) return { kind: 'failed', failure: thrown.failure };
  return { kind: 'threw', detail: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** The same object when this process began the effect itself; otherwise the same text. */
const sameEffect = (a: Effect, b: Effect): boolean => a === b || canonicalJson(a) === canonicalJson(b);

const structuredCloneJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/**
 * Reads a strategy's configuration by its own schema, as a server does at create and `inner` does for a part.
 * @throws HS_STRATEGY_INVALID_CONFIG with `pointer` (JSON pointer of the first mistake) and `errors` (all of them).
 * @public
 */
export function parseStrategyConfig(strategy: Strategy<unknown>, config: unknown): Json {
  const parsed = strategy.configSchema.safeParse(config ?? {});
  if (parsed.success) return parsed.data as Json;
  const errors = issuePointers(parsed.error);
  const why = errors.map(({ pointer, detail }) => `${pointer === '' ? 'the whole' : pointer} ${detail}`).join('; ');
  throw hotSwapError('HS_STRATEGY_INVALID_CONFIG', {
    strategy: strategy.name,
    why,
    pointer: errors[0]?.pointer ?? '',
    errors,
  });
}
