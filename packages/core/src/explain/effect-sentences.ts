import type { EngineEffect } from '../rollout/journal-entry.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { OffPeakWindow } from '../model/off-peak-window.ts';
import { nodesText, timeText } from './fact-words.ts';

type Intent<K extends EngineEffect['kind']> = (
  input: Extract<EngineEffect, { readonly kind: K }>['input'],
  set: (nodes: NodeSet) => string,
) => string;

/** Windows as the hours that they are. @internal */
export const windowsText = (windows: readonly OffPeakWindow[]): string => windows.map(hoursText).join(' or ');

const hoursText = ({ timeZone, days, from, to }: OffPeakWindow): string =>
  `${from}-${to}${days ? ` on ${days.join(', ')}` : ''} in ${timeZone}`;

/** What each kind of effect sets out to do; the compiler sees to it that none is missing. */
const intents: { readonly [K in EngineEffect['kind']]: Intent<K> } = {
  deploy: ({ nodes, releaseId }, set) =>
    `load ${releaseId ?? 'the release'} on ${set(nodes)}, without giving it traffic`,
  verify: ({ nodes }, set) => `check the health of ${set(nodes)}`,
  wait: ({ forMs, reason, watch, windows }, set) =>
    [
      windows && forMs === 0 ? `wait for ${reason}` : `wait ${timeText(forMs)} (${reason})`,
      ...(windows ? [`until it is ${windowsText(windows)}`] : []),
      ...(watch ? [`watching the health of ${set(watch)}`] : []),
    ].join(', '),
  shiftTraffic: ({ percent, to, releaseId }, set) =>
    `give ${percent} % of the traffic to ${releaseId ?? 'the release'} on ${set(to)}`,
  mirror: ({ percent, forMs, releaseId, minimumSamples }) =>
    `copy ${percent} % of the requests to ${releaseId} for ${timeText(forMs)} and compare its answers${minimumSamples === undefined ? '' : `, at least ${minimumSamples}`}`,
  observe: ({ forMs, baseline, candidate }, set) =>
    `measure the old version on ${set(baseline)} and the new one on ${set(candidate)} for ${timeText(forMs)}`,
  judge: ({ criteria }) =>
    `decide by ${criteria.metric} (${criteria.comparison.replaceAll('_', ' ')}, at least ${criteria.thresholdPercent} % apart, ${criteria.minimumSampleSize} calls of each)`,
  progress: ({ percent, stage }) => `progress is ${percent} %${stage === undefined ? '' : ` (${stage})`}`,
  pause: ({ reason, accepts }) => `${reason}; it takes ${accepts.join(' or ')} to go on`,
  fail: ({ message }) => `the strategy gives up: ${message}`,
  retire: ({ nodes, releaseId }, set) => `take ${releaseId ?? 'the release'} away from ${set(nodes)}`,
  restore: ({ nodes, reason, releaseId }, set) =>
    `bring ${set(nodes)} back to what they served before${releaseId === undefined ? '' : `, and to ${releaseId} as soon as it is warm`} (${reason})`,
  notify: ({ text }) => `tell people: ${text}`,
  retain: ({ forMs, retire }, set) =>
    `keep the replaced release warm for ${timeText(forMs)}, then retire it on ${set(retire)}`,
};

/** What an effect sets out to do, in words. @internal */
export function intentText(effect: EngineEffect, targets: readonly string[]): string {
  if (!Object.hasOwn(intents, effect.kind)) return `${String(effect.kind)}, which this version does not know`;
  return (intents[effect.kind] as Intent<EngineEffect['kind']>)(effect.input, (nodes) => nodesText(nodes, targets));
}
