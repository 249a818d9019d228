import {
  deploy,
  fail,
  judge,
  nodeCount,
  observe,
  pause,
  progress,
  restore,
  shiftTraffic,
  subtractNodes,
  verify,
  type EffectInput,
  type EffectValue,
  type NodeSet,
  type Outcome,
  type Steps,
  type Strategy,
  strategyHealthCheck,
  type WinnerCriteria,
} from '@hotswap/core';
import { abTestingConfigSchema, type ABTestingConfig } from './ab-testing-options.ts';
import { lookPeriodsMs, variantBNodes } from './ab-testing-plan.ts';

const failure = 'Health checks failed for variant B';
/** Progress that measuring ends at: the rest is promotion. */
const measuredPercent = 90;

/** What the steps of an experiment work on. */
interface Experiment {
  readonly targets: NodeSet;
  /** Nodes of variant B. */
  readonly b: NodeSet;
  readonly config: ABTestingConfig;
}

type Judged = EffectValue<'judge'>;

/**
 * Variant B beside variant A, by the key that requests stick to, measured until a sequential test has a verdict or the time
 * is over (STR-7). Then the winner has everything (X-10, D-9).
 * @public
 */
export function abTesting(): Strategy<ABTestingConfig> {
  return {
    name: 'ABTesting',
    version: 1,
    configSchema: abTestingConfigSchema,
    healthCheck: strategyHealthCheck,

    *rollout({ targets, running, config }) {
      if (nodeCount(running) === 0)
        yield* fail({ message: 'There is no variant A: no target serves a version of this module yet' });
      const experiment: Experiment = { targets, b: variantBNodes(targets, config), config };
      yield* deploy({ nodes: experiment.b });
      yield* shiftTraffic({ percent: config.variantBPercentage, to: experiment.b, among: targets });
      for (let extensions = 0; ; extensions++) {
        const judged = yield* measure(experiment);
        if (judged.verdict === 'B') return yield* promote(experiment, 'B', 'Variant B won');
        if (judged.verdict === 'A') return yield* keep(experiment, 'A', 'Variant A won');
        const next = yield* decide(config, judged, extensions);
        const because = `Inconclusive: ${judged.reason}`;
        if (next === 'promote')
          return yield* promote(experiment, 'Inconclusive', `Variant B promoted by a person. ${because}`);
        if (next === 'keep') return yield* keep(experiment, 'Inconclusive', `${because}. Variant A stays`);
      }
    },
  };
}

/** Looks until there is a verdict or the time is over. Each look is at everything since the experiment began. */
function* measure({ targets, b, config }: Experiment): Steps<Judged> {
  const periods = lookPeriodsMs(config);
  const criteria = criteriaOf(config);
  let judged: Judged = { verdict: 'Inconclusive', improvementPercent: null, reason: 'Nothing was measured' };
  for (const [index, forMs] of periods.entries()) {
    const observed = yield* observe({ forMs, baseline: targets, candidate: b, watch: b, failure, ...since(criteria) });
    judged = yield* judge({ ...observed, criteria, method: 'sequential' });
    yield* progress({
      percent: Math.floor((measuredPercent * (index + 1)) / periods.length),
      stage: `Look ${String(index + 1)} of ${String(periods.length)}`,
    });
    if (judged.verdict !== 'Inconclusive') return judged;
  }
  return judged;
}

const since = ({ metric }: WinnerCriteria): Pick<EffectInput<'observe'>, 'since' | 'sketches'> =>
  /^p\d+_/.test(metric) ? { since: 'shift', sketches: true } : { since: 'shift' };

function criteriaOf({ winnerCriteria, minimumSampleSize, significanceLevel }: ABTestingConfig): WinnerCriteria {
  const { metric, comparison, threshold } = winnerCriteria;
  return { metric, comparison, thresholdPercent: threshold, minimumSampleSize, significanceLevel };
}

/** What follows an experiment without a verdict. */
function* decide(
  { onInconclusive, maxExtensions }: ABTestingConfig,
  { reason }: Judged,
  extensions: number,
): Steps<'keep' | 'measure' | 'promote'> {
  if (onInconclusive === 'extend' && extensions < maxExtensions) return 'measure';
  if (onInconclusive !== 'pause') return 'keep';
  const { command } = yield* pause({
    reason: `Inconclusive: ${reason}. Promote variant B, retry to go on measuring, or resume with variant A`,
    accepts: ['promote', 'retry', 'resume'],
  });
  return command === 'promote' ? 'promote' : command === 'retry' ? 'measure' : 'keep';
}

/** Variant B everywhere. */
function* promote({ targets, b }: Experiment, verdict: 'B' | 'Inconclusive', message: string): Steps<Outcome> {
  const others = subtractNodes(targets, b);
  if (nodeCount(others) > 0) yield* deploy({ nodes: others });
  yield* shiftTraffic({ percent: 100, to: targets, among: targets });
  yield* verify({ nodes: targets, failure });
  yield* progress({ percent: 100, stage: 'Variant B' });
  return { status: 'Completed', verdict, message };
}

/** Variant A everywhere, as before. Nothing was replaced, so nothing is retained. */
function* keep({ targets }: Experiment, verdict: 'A' | 'Inconclusive', message: string): Steps<Outcome> {
  yield* restore({ nodes: targets, reason: message });
  return { status: 'Completed', verdict, message, retain: [] };
}
