import type { EffectKind, EffectTable } from '../effects/effect.ts';
import type { EngineEffect } from '../rollout/journal-entry.ts';
import { windowsText } from './effect-sentences.ts';
import { countText, metricsText, nodesText, round, timeText } from './fact-words.ts';

/** What a sentence about an ended effect may use. @internal */
export interface EndedEffect {
  readonly effect: EngineEffect;
  readonly actor: string;
  readonly targets: readonly string[];
  /** It has made headway that the journal tells of: a restore has asked for the health of the nodes then. */
  readonly hasMoved: boolean;
}

type ValueOf<K extends EngineEffect['kind']> = K extends EffectKind ? EffectTable[K]['value'] : null;
type Outcome<K extends EngineEffect['kind']> = (
  value: ValueOf<K>,
  input: Extract<EngineEffect, { readonly kind: K }>['input'],
  about: EndedEffect,
) => string;

/** What each kind of effect came to when it went well; the compiler sees to it that none is missing. */
const outcomes: { readonly [K in EngineEffect['kind']]: Outcome<K> } = {
  deploy: ({ ready, unknown }) =>
    `the release is loaded and warm on ${countText(ready)}${unknown > 0 ? `; nothing is known of ${unknown}` : ''}`,
  verify: ({ healthy }) => `${countText(healthy)} answered as healthy`,
  wait: ({ ended }, { forMs, windows }, { actor }) => {
    if (ended === 'promoted') return `${actor} ended the wait early`;
    const hours = windows && `it is ${windowsText(windows)}`;
    if (hours !== undefined && forMs === 0) return hours;
    return `the ${timeText(forMs)} are over${hours === undefined ? '' : `, and ${hours}`}`;
  },
  shiftTraffic: ({ revision }, { percent }) =>
    `requests follow revision ${revision} of the route: ${percent} % reach it`,
  mirror: ({ verdict, equal, different, failed, skipped }) =>
    `the verdict is ${verdict}: of ${countText(equal + different + failed, 'compared answer')} ${equal} were equal, ${different} different, and ${failed} copies failed; ${skipped} were not compared`,
  observe: ({ baseline, candidate }) =>
    `the old version had ${metricsText(baseline)}; the new one ${metricsText(candidate)}`,
  judge: ({ verdict, improvementPercent, reason }) =>
    `the verdict is ${verdict}${improvementPercent === null ? '' : `, B being ${round(Math.abs(improvementPercent))} % ${improvementPercent < 0 ? 'worse' : 'better'}`}: ${reason}`,
  progress: (_value, { percent, stage }) => `${stage ?? `${percent} %`} is reached`,
  pause: ({ command }, _input, { actor }) => `${actor} answered ${command}`,
  fail: () => 'the strategy went on',
  retire: (_value, { nodes }, { targets }) => `the release is to leave ${nodesText(nodes, targets)}`,
  restore: ({ restored, unknown }, { releaseId }, { hasMoved }) =>
    `${countText(restored)} ${restored === 1 ? 'serves' : 'serve'} ${restoredText(releaseId, hasMoved, restored === 1)}${unknown > 0 ? `; ${unknown} are silent, and what they shall serve stands` : ''}`,
  notify: () => 'people are told',
  retain: (_value, { retire }, { targets }) => `the replaced release is retired on ${nodesText(retire, targets)}`,
};

/** Health is asked for where releases have a check, and only then the journal may say so. */
function restoredText(releaseId: string | undefined, hasMoved: boolean, isOne: boolean): string {
  if (releaseId !== undefined) return releaseId;
  return `what ${isOne ? 'it' : 'they'} did before${hasMoved ? `, and ${isOne ? 'is' : 'are'} healthy` : ''}`;
}

/** What an effect came to, in words. @internal */
export function outcomeText(value: unknown, about: EndedEffect): string {
  const { kind, input } = about.effect;
  if (!Object.hasOwn(outcomes, kind)) return 'it ended well';
  return (outcomes[kind] as Outcome<EngineEffect['kind']>)(value as never, input, about);
}
