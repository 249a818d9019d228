import type { EffectInput } from '../../effects/effect.ts';
import type { Json } from '../../model/json.ts';
import { noMirrorTally, type MirrorTally } from '../../model/traffic-mirror.ts';
import { failed, succeeded, type EffectCheck, type EffectHandler, type EffectScope } from '../effect-handler.ts';
import { isRouted } from './is-routed.ts';

const defaultMinimumSamples = 100;
const defaultTimeoutMs = 30_000;
/** Between two looks at what has been counted; routers' reports may bring one on earlier. */
const lookMs = 5_000;
/** Cursor once every router copies. */
const copying = 1;

/**
 * Time counts from when every router copies. A bound that is passed by enough samples ends it early; at the end too few
 * samples are inconclusive.
 * @internal
 */
export const mirrorHandler: EffectHandler<'mirror'> = {
  begin: ({ input: { releaseId, percent, compare = {} } }, { step }) => [
    { kind: 'mirror', releaseId, step, percent, compare },
  ],
  async check({ input }, scope) {
    if (!servesAnything(scope)) return verdictOf(input, noMirrorTally);
    if (scope.cursor < copying) return takenUp(input, scope);
    const tally = await scope.fleet.mirrorTally(scope.spec.deploymentId, scope.step);
    const { failure } = judged(input, tally);
    const leftMs = input.forMs - scope.sinceMoveMs;
    if (failure !== null || leftMs <= 0) return verdictOf(input, tally);
    return { wakeAt: scope.now + Math.min(leftMs, lookMs) };
  },
  end: () => [{ kind: 'endMirror' }],
  expectedMs: ({ input }) => input.forMs + (input.timeoutMs ?? defaultTimeoutMs),
};

/** Where nothing answers there is nothing to copy and nothing to compare with. */
const servesAnything = ({ frozen }: EffectScope): boolean =>
  frozen.baseline.some(({ releases }) => releases.some(({ weight }) => weight > 0));

async function takenUp(input: EffectInput<'mirror'>, scope: EffectScope): Promise<EffectCheck> {
  if (await isRouted(scope)) return { cursor: copying };
  const timeoutMs = input.timeoutMs ?? defaultTimeoutMs;
  if (scope.sinceMoveMs < timeoutMs) return { wakeAt: scope.now + timeoutMs - scope.sinceMoveMs };
  return failed({
    cause: 'deadline',
    message: `The router did not begin to copy requests within ${timeoutMs / 1_000} s`,
  });
}

/** Shares of the compared answers, and which bound they pass. */
function judged(
  { minimumSamples = defaultMinimumSamples, maxDifferentPercent = 0, maxFailedPercent = 0 }: EffectInput<'mirror'>,
  { equal, different, failed: broken, skipped, examples }: MirrorTally,
): { readonly isEnough: boolean; readonly failure: string | null; readonly facts: Json } {
  const samples = equal + different + broken;
  const isEnough = samples >= minimumSamples;
  const share = (count: number): number | null => (samples === 0 ? null : (100 * count) / samples);
  const differentPercent = share(different);
  const failedPercent = share(broken);
  const facts: Json = {
    ...{ samples, minimumSamples, differentPercent, maxDifferentPercent, failedPercent, maxFailedPercent, skipped },
    ...(examples.length === 0 ? {} : { examples: examples as unknown as Json }),
  };
  const above = (what: string, percent: number | null, most: number): string | null =>
    percent !== null && percent > most
      ? `${String(Number(percent.toPrecision(4)))} % of ${String(samples)} mirrored ${what}, above ${String(most)} %`
      : null;
  const failure = isEnough
    ? (above('requests failed', failedPercent, maxFailedPercent) ??
      above('answers differ', differentPercent, maxDifferentPercent))
    : null;
  return { isEnough, failure, facts };
}

function verdictOf(input: EffectInput<'mirror'>, tally: MirrorTally): EffectCheck {
  const { isEnough, failure, facts } = judged(input, tally);
  if (failure !== null) return failed({ cause: 'metrics', message: failure, facts });
  const { examples: _examples, ...counts } = tally;
  return { ...succeeded({ verdict: isEnough ? 'Passed' : 'Inconclusive', ...counts }), facts };
}
