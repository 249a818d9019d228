import { canonicalJson, type Json, type ModuleDescription, type Release } from '@hotswap/core';
import type { ReleaseChange } from '@hotswap/protocol';

/** A release with what its binary is. @internal */
export interface DescribedRelease {
  readonly release: Release;
  readonly description: ModuleDescription;
}

/**
 * Everything that is other in a release than in the one before, each with a sentence. Without one before everything is
 * new, and only what was chosen by somebody is told.
 * @internal
 */
export function diffReleases(before: DescribedRelease | null, after: DescribedRelease): readonly ReleaseChange[] {
  const old = before === null ? {} : comparable(before);
  const changes = compare('', old, comparable(after));
  return changes.map((change) => ({ ...change, sentence: sentenceOf(change) }));
}

type Difference = Omit<ReleaseChange, 'sentence'>;
interface Members {
  readonly [name: string]: Json;
}

/** Lists whose order says nothing become objects by what their items are known by. */
function comparable({ release, description }: DescribedRelease): Members {
  const { capabilities } = release;
  return {
    version: release.version,
    digest: release.digest,
    sizeBytes: release.sizeBytes,
    config: release.config,
    capabilities: {
      env: capabilities.env,
      dirs: byName(capabilities.dirs, ({ name }) => name),
      allowedHosts: byName(capabilities.allowedHosts, (host) => host),
    },
    resourceLimits: { ...release.resourceLimits },
    http: release.http === null ? null : { ...release.http, hosts: byName(release.http.hosts, (host) => host) },
    runtime: { ...release.runtime } as unknown as Json,
    healthCheck: { ...release.healthCheck },
    interfaces: {
      imports: byName(namesOf(description.imports), (name) => name),
      exports: byName(namesOf(description.exports), (name) => name),
      functions: Object.fromEntries(
        description.functions.map(({ name, ...signature }) => [name, signatureText(signature)]),
      ),
    },
  };
}

const namesOf = (externs: ModuleDescription['imports']): readonly string[] => externs.map(({ name }) => name);

function byName<Item>(items: readonly Item[], nameOf: (item: Item) => string): Members {
  return Object.fromEntries(items.map((item) => [nameOf(item), item as Json]));
}

function signatureText({ params, result }: Omit<ModuleDescription['functions'][number], 'name'>): string {
  return `(${params.map(({ type }) => type).join(', ')})${result === undefined ? '' : ` -> ${result}`}`;
}

function compare(pointer: string, before: Json | undefined, after: Json | undefined): readonly Difference[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (isMembers(before) && isMembers(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => compare(`${pointer}/${escapeToken(name)}`, before[name], after[name]));
  }
  // A whole block that comes or goes is told member by member: it is its members that matter.
  if (before === undefined && isMembers(after) && !isLeaf(pointer)) return compare(pointer, {}, after);
  if (after === undefined && isMembers(before) && !isLeaf(pointer)) return compare(pointer, before, {});
  if (before === undefined) return [{ pointer, kind: 'added', before: null, after: after ?? null }];
  if (after === undefined) return [{ pointer, kind: 'removed', before, after: null }];
  return [{ pointer, kind: 'changed', before, after }];
}

/** Directories, and keys of the free configuration, are one thing each whatever they consist of. */
const isLeaf = (pointer: string): boolean => /^\/(config|capabilities\/dirs)\/[^/]+/.test(pointer);
const isMembers = (value: Json | undefined): value is Members =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const escapeToken = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** What a place in a release is called, the most exact first. `$1` is the name below it. */
const places: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^\/version$/, 'the version'],
  [/^\/digest$/, 'the code'],
  [/^\/sizeBytes$/, 'the size in bytes'],
  [/^\/config\/(.+)$/, 'the configuration $1'],
  [/^\/capabilities\/env\/(.+)$/, 'the environment variable $1'],
  [/^\/capabilities\/dirs\/(.+)$/, 'the directory $1'],
  [/^\/capabilities\/allowedHosts\/(.+)$/, 'outgoing HTTP to $1'],
  [/^\/resourceLimits\/(.+)$/, 'the limit $1'],
  [/^\/http\/hosts\/(.+)$/, 'the host name $1'],
  [/^\/http\/(.+)$/, 'serving HTTP: $1'],
  [/^\/http$/, 'serving HTTP'],
  [/^\/runtime\/(.+)$/, 'how it is run: $1'],
  [/^\/healthCheck\/(.+)$/, 'the health check: $1'],
  [/^\/interfaces\/imports\/(.+)$/, 'the import $1'],
  [/^\/interfaces\/exports\/(.+)$/, 'the export $1'],
  [/^\/interfaces\/functions\/(.+)$/, 'the function $1'],
];

function sentenceOf({ pointer, kind, before, after }: Difference): string {
  const [pattern, name] = places.find(([candidate]) => candidate.test(pointer)) ?? [/^\/(.*)$/, '$1'];
  const place = pointer.replace(pattern, name).replaceAll('~1', '/').replaceAll('~0', '~');
  const isNamed = /^\/(capabilities\/allowedHosts|http\/hosts|interfaces\/(imports|exports))\//.test(pointer);
  const [first = '', ...rest] = place;
  const subject = first.toUpperCase() + rest.join('');
  if (kind === 'added') return isNamed ? `${subject} is new.` : `${subject} is new: ${valueText(after)}.`;
  if (kind === 'removed') return isNamed ? `${subject} is gone.` : `${subject} is gone; it was ${valueText(before)}.`;
  return `${subject} changes from ${valueText(before)} to ${valueText(after)}.`;
}

function valueText(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text.slice(0, 200);
}
