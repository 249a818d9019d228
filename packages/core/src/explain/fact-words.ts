import type { Json } from '../model/json.ts';
import type { VariantMetrics } from '../model/metrics.ts';
import { nodeCount, positionsOf, type NodeSet } from '../model/node-set.ts';

const mostNames = 3;
const mostFacts = 8;
const mostListed = 3;

/** `1 node`, `7 nodes`. @internal */
export function countText(count: number, noun: string = 'node'): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A set of nodes by its size, with the names of the first few where the targets are known. @internal */
export function nodesText(nodes: NodeSet, targets: readonly string[]): string {
  const size = nodeCount(nodes);
  if (targets.length === 0 || size === 0 || size > mostNames) return countText(size);
  const names = [...positionsOf(nodes)].map((position) => targets[position] ?? `#${position}`);
  return `${countText(size)} (${names.join(', ')})`;
}

/** Milliseconds in the unit that reads best. @internal */
export function timeText(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 120_000) return `${ms / 1_000} s`;
  if (ms < 7_200_000) return `${round(ms / 60_000)} min`;
  return `${round(ms / 3_600_000)} h`;
}

/** Facts as words, such as `healthy 4, silent 1, timeout ms 10000`; empty when there are none. @internal */
export function factsText(facts: Json | undefined): string {
  if (facts === undefined || facts === null) return '';
  if (typeof facts !== 'object') return scalarText(facts);
  if (Array.isArray(facts)) return listText(facts as readonly Json[]);
  const members = Object.entries(facts)
    .map(([name, value]) => memberText(name, value))
    .filter((text) => text !== '');
  const rest = members.length - mostFacts;
  return members.slice(0, mostFacts).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function memberText(name: string, value: Json): string {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
  if (value === null) return `${words} unknown`;
  if (name === 'metrics' && typeof value === 'object' && 'samples' in value)
    return `the release had ${metricsText(value as unknown as VariantMetrics)}`;
  if (isNodeSet(name, value)) return `${words} ${nodeCount(value)}`;
  const text = factsText(value);
  if (text === '') return '';
  if (name === 'facts') return text;
  return typeof value === 'object' ? `${words} (${text})` : `${words} ${text}`;
}

function listText(list: readonly Json[]): string {
  const rest = list.length - mostListed;
  const shown = list.slice(0, mostListed).map((item) => factsText(item));
  return shown.filter((text) => text !== '').join('; ') + (rest > 0 ? ` and ${rest} more` : '');
}

function scalarText(value: string | number | boolean): string {
  return typeof value === 'number' ? String(round(value)) : String(value);
}

/** Node sets are told from other lists by the name that they stand under. */
function isNodeSet(name: string, value: Json): value is NodeSet & Json {
  return (
    /nodes?$/i.test(name) &&
    Array.isArray(value) &&
    value.every((range) => Array.isArray(range) && range.length === 2 && typeof range[0] === 'number')
  );
}

/** A number with four digits that count. @internal */
export function round(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}

/** What a version's calls were like. @internal */
export function metricsText({ samples, errorRatePercent, crashRatePercent, latency }: VariantMetrics): string {
  if (samples === 0) return 'no calls';
  const parts = [
    countText(samples, 'call'),
    ...(errorRatePercent === null ? [] : [`${round(errorRatePercent)} % errors`]),
    ...(crashRatePercent === null ? [] : [`${round(crashRatePercent)} % crashes`]),
    ...(latency === null ? [] : [`${round(latency.averageMs)} ms on average and ${round(latency.p99Ms)} ms at p99`]),
  ];
  return parts.join(', ');
}
