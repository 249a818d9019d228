import type { Json, MirrorCompare, MirrorDifference } from '@hotswap/core';

/** An answer, read whole. @internal */
export interface WholeAnswer {
  readonly status: number;
  /** By name in lower case; only those that are compared, and `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a copied call came to; `unknown` says nothing of the version. @internal */
export type Comparison =
  | { readonly kind: 'equal' | 'failed' | 'unknown' }
  | { readonly kind: 'different'; readonly difference: Omit<MirrorDifference, 'call'> };

/** How answers of one sort are looked at. @internal */
export interface ComparedCall extends MirrorCompare {
  /** Answers of functions are wrapped by the node, which adds ids and times of its own. */
  readonly isFunction: boolean;
}

/** Names in a difference are cut there: members may be named by anybody's data. */
const longestName = 40;
const longestPlace = 200;
/** Statuses by which a node, and not the module, says that it has not run the call. */
const untaken: ReadonlySet<number> = new Set([401, 421, 429, 503]);

/** Compares what two versions answered to one call. @internal */
export function compareAnswers(live: WholeAnswer, mirrored: WholeAnswer, call: ComparedCall): Comparison {
  const [liveCode, code] = [nodeCode(live), nodeCode(mirrored)];
  if (isUntaken(live, liveCode) || isUntaken(mirrored, code)) return { kind: 'unknown' };
  // Time limits are the weather's too: a copy of a call that ran out of time proves nothing.
  if (live.status === 504) return { kind: 'unknown' };
  if (code.startsWith('HS_RUNTIME_') && code !== liveCode && !liveCode.startsWith('HS_RUNTIME_'))
    return { kind: 'failed' };
  if (live.status !== mirrored.status) return differ('status', String(live.status), String(mirrored.status));
  if (code !== liveCode) return differ('/code', liveCode || 'absent', code || 'absent');
  if (code !== '') return { kind: 'equal' };
  for (const name of call.headers ?? [])
    if (live.headers[name] !== mirrored.headers[name])
      return differ(name, presence(live.headers[name]), presence(mirrored.headers[name]));
  return call.body === false ? { kind: 'equal' } : compareBodies(live, mirrored, call);
}

const presence = (value: string | undefined): string => (value === undefined ? 'absent' : 'another value');
const differ = (at: string, live: string, mirrored: string): Comparison => ({
  kind: 'different',
  difference: { at: at.slice(0, longestPlace), live, mirrored },
});

/** Code of a problem that the node or its runtime reports; empty for an answer of the module. */
function nodeCode({ headers, body }: WholeAnswer): string {
  if (headers['content-type']?.startsWith('application/problem+json') !== true) return '';
  const problem = parsed(body) as { readonly code?: unknown } | null | undefined;
  return typeof problem?.code === 'string' && problem.code.startsWith('HS_') ? problem.code : '';
}

function isUntaken({ status }: WholeAnswer, code: string): boolean {
  if (code === '') return status === 421;
  return untaken.has(status) || code === 'HS_HTTP_NO_ROUTE' || code.startsWith('HS_AGENT_');
}

function compareBodies(
  live: WholeAnswer,
  mirrored: WholeAnswer,
  { isFunction, ignore = [] }: ComparedCall,
): Comparison {
  if (live.body.equals(mirrored.body)) return { kind: 'equal' };
  const [a, b] =
    isJson(live, isFunction) && isJson(mirrored, isFunction) ? [parsed(live.body), parsed(mirrored.body)] : [];
  if (a === undefined || b === undefined)
    return differ('', `${live.body.byteLength} bytes`, `${mirrored.body.byteLength} bytes`);
  const found = isFunction ? firstDifference(ofFunction(a), ofFunction(b), ignore) : firstDifference(a, b, ignore);
  return found === null ? { kind: 'equal' } : differ(found.at, kindOf(found.live), kindOf(found.mirrored));
}

function isJson({ headers }: WholeAnswer, isFunction: boolean): boolean {
  return isFunction || /^application\/(?:json|[^;\s]+\+json)\b/i.test(headers['content-type'] ?? '');
}

function ofFunction(answer: Json): Json {
  if (answer === null || typeof answer !== 'object' || Array.isArray(answer)) return answer;
  const { result = null, stdout = '', exitCode = 0 } = answer as Readonly<Record<string, Json>>;
  return { result, stdout, exitCode };
}

function parsed(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

interface Pair {
  readonly path: readonly string[];
  readonly live: Json | undefined;
  readonly mirrored: Json | undefined;
}

/** Where two values differ first; `null` when they are the same. Not recursive: bodies may be nested as deep as they are long. */
function firstDifference(
  live: Json,
  mirrored: Json,
  ignore: readonly string[],
): { readonly at: string; readonly live: Json | undefined; readonly mirrored: Json | undefined } | null {
  const ignored = ignore.map((pointer) => pointer.slice(1).split('/').map(unescaped));
  const left: Pair[] = [{ path: [], live, mirrored }];
  for (let pair = left.pop(); pair !== undefined; pair = left.pop()) {
    const { path } = pair;
    if (pair.live === pair.mirrored || ignored.some((pointer) => isAt(pointer, path))) continue;
    const [a, b] = [membersOf(pair.live), membersOf(pair.mirrored)];
    if (a === null || b === null || Array.isArray(pair.live) !== Array.isArray(pair.mirrored))
      return { at: pointerOf(path), live: pair.live, mirrored: pair.mirrored };
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].reverse();
    for (const name of names)
      left.push({ path: [...path, name], live: memberOf(a, name), mirrored: memberOf(b, name) });
  }
  return null;
}

type Members = Readonly<Record<string, Json>>;

const membersOf = (value: Json | undefined): Members | null =>
  value !== null && typeof value === 'object' ? (value as Members) : null;
const memberOf = (members: Members, name: string): Json | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined;
const isAt = (pointer: readonly string[], path: readonly string[]): boolean =>
  pointer.length === path.length && pointer.every((name, i) => name === '*' || name === path[i]);
const unescaped = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~');
const pointerOf = (path: readonly string[]): string =>
  path.map((name) => `/${name.slice(0, longestName).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function kindOf(value: Json | undefined): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `list of ${value.length}`;
  return typeof value === 'string' ? `text of ${value.length}` : typeof value;
}
