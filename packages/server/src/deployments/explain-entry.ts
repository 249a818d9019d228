import { nodeCount, type EngineEffect, type JournalEntry, type NodeSet } from '@hotswap/core';
import type { JournalEntryView } from '@hotswap/protocol';

/** A journal line on the wire, with what happened as a sentence. @internal */
export function toJournalEntryView(entry: JournalEntry): JournalEntryView {
  const { seq, at, actor, hash, previousHash, ...event } = entry;
  return {
    seq,
    at: new Date(at).toISOString(),
    actor,
    type: entry.type,
    explanation: explainEntry(entry),
    entry: event as JournalEntryView['entry'],
    hash,
    previousHash,
  };
}

/** What an entry means, as a sentence. @internal */
export function explainEntry(entry: JournalEntry): string {
  switch (entry.type) {
    case 'created':
      return `${entry.actor} created the deployment of ${entry.spec.moduleId} (${entry.spec.releaseId}) with the strategy ${entry.spec.strategy}${regionText(entry.spec.regions)}.`;
    case 'approved':
      return `${entry.by} approved this specification of ${entry.releaseId} for one execution until ${new Date(entry.expiresAt).toISOString()}${entry.reason === undefined ? '' : `: ${entry.reason}`}.`;
    case 'rejected':
      return `${entry.by} rejected it${entry.reason === undefined ? '' : `: ${entry.reason}`}.`;
    case 'lapsed':
      return `Nobody used the approval by ${entry.by} in time: it has to be approved again.`;
    case 'executed':
      return `The rollout began over ${nodesText(entry.targets.length)} in ${Object.keys(entry.regions).length} region(s), ${baselineText(entry.baseline)}.`;
    case 'began':
      return `Step ${entry.step} began: ${effectText(entry.effect)}.`;
    case 'moved':
      return `Step ${entry.step} moved on.`;
    case 'ended':
      return entry.result.ok
        ? `Step ${entry.step} ended well.`
        : `Step ${entry.step} failed (${entry.result.failure.cause}): ${entry.result.failure.message}.`;
    case 'command':
      return `${entry.actor} asked for ${entry.command}${entry.reason === undefined ? '' : `: ${entry.reason}`}.`;
    case 'held':
      return `The rollout was paused ${holdText[entry.why]}: ${entry.detail}.`;
    case 'freed':
      return `${entry.actor} let the rollout go on.`;
    case 'turned':
      return entry.to === 'rollback'
        ? `The rollout turned back: ${entry.reason}.`
        : `The rollout is complete; the replaced release stays warm: ${entry.reason}.`;
    case 'closed':
      return `The deployment ended as ${entry.status}${entry.reason === undefined ? '' : `: ${entry.reason}`}.`;
  }
}

const holdText = {
  person: 'by a person',
  diverged: 'because the strategy decided otherwise than before',
  strategyThrew: 'because the strategy failed',
  stuck: 'because it made no progress',
  offline: 'because every node that it could go to is offline',
  noData: 'because a metric that it depends on was never measured',
} as const;

function effectText(effect: EngineEffect): string {
  switch (effect.kind) {
    case 'deploy':
      return `load the release on ${setText(effect.input.nodes)}, without traffic`;
    case 'verify':
      return `check the health of ${setText(effect.input.nodes)}`;
    case 'wait':
      return `wait ${effect.input.forMs / 1_000} s (${effect.input.reason})${effect.input.watch ? `, watching the health of ${setText(effect.input.watch)}` : ''}`;
    case 'shiftTraffic':
      return `give ${effect.input.percent} % of the traffic to the release on ${setText(effect.input.to)}`;
    case 'observe':
      return `measure both variants for ${effect.input.forMs / 1_000} s`;
    case 'judge':
      return `judge by ${effect.input.criteria.metric}`;
    case 'progress':
      return `progress is ${effect.input.percent} %${effect.input.stage === undefined ? '' : ` (${effect.input.stage})`}`;
    case 'pause':
      return `${effect.input.reason}; it takes ${effect.input.accepts.join(' or ')} to go on`;
    case 'fail':
      return `the strategy gives up: ${effect.input.message}`;
    case 'retire':
      return `take a release away from ${setText(effect.input.nodes)}`;
    case 'restore':
      return `bring ${setText(effect.input.nodes)} back to what they served before (${effect.input.reason})`;
    case 'notify':
      return `tell people: ${effect.input.text}`;
    case 'retain':
      return `keep the replaced release warm for ${effect.input.forMs / 1_000} s, then retire it on ${setText(effect.input.retire)}`;
  }
}

const nodesText = (count: number): string => `${count} node${count === 1 ? '' : 's'}`;
const setText = (nodes: NodeSet): string => nodesText(nodeCount(nodes));
const regionText = (regions: readonly string[] | null): string =>
  regions === null ? ' in all regions' : ` in ${regions.join(', ')}`;

function baselineText(baseline: readonly { readonly nodes: NodeSet; readonly releases: readonly unknown[] }[]): string {
  const serving = baseline
    .filter((group) => group.releases.length > 0)
    .reduce((sum, group) => sum + nodeCount(group.nodes), 0);
  return serving === 0 ? 'none of which served the module' : `${nodesText(serving)} of which served an earlier release`;
}
