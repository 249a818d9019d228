import type { Route, TrafficMatch } from '@hotswap/core';
import { kindAndName, matchBackend, type MatchSource } from './haproxy-pools.ts';

/** End of the keys of any value; not a letter of base64. @internal */
export const anyValue = '*';

/** Ranks are below it. @internal */
export const noRank = 1_000_000;

/** Brings requests with one header or cookie to a version, whatever its share. @internal */
export interface WantedMatch {
  /** Of the map. */
  readonly key: string;
  /** The lowest of those that fit a request holds; below {@link noRank}. */
  readonly rank: number;
  readonly releaseId: string;
  /** That HAProxy has to have, else it has no rules for the header or cookie. */
  readonly backend: string;
  readonly source: MatchSource;
}

/**
 * First part of the keys of a module's matches; the value of the header or cookie in base64 follows, or `*`. Hosts are
 * looked up in lower case and paths begin with a slash, so that no request is taken for such a key.
 * @param name `tenant/name` of the module, or what HAProxy is to put in its place
 * @internal
 */
export const matchKeyBegin = (name: string, source: MatchSource): string => `Match|${name}|${kindAndName(source)}|`;

/** What a route's matches ask of HAProxy, those of versions in `serving`. @internal */
export function wantedMatches(
  name: string,
  { matches }: Pick<Route, 'matches'>,
  serving: ReadonlySet<string>,
): readonly WantedMatch[] {
  const wanted = matches
    .map(({ releaseId, when }, rank) => ({ releaseId, when, rank }))
    .filter(({ releaseId, when }) => serving.has(releaseId) && isSendable(when))
    .map(({ releaseId, when, rank }): WantedMatch => ({
      key: matchKeyBegin(name, when) + (when.value === undefined ? anyValue : base64(when.value)),
      rank,
      releaseId,
      backend: matchBackend(when),
      source: when,
    }));
  // The first of the same holds.
  return [...new Map(wanted.toReversed().map((match) => [match.key, match])).values()].toReversed();
}

const base64 = (value: string): string => Buffer.from(value, 'latin1').toString('base64');

/** Headers are bytes; what has others in it fits no request. */
const isSendable = ({ value = '' }: TrafficMatch): boolean => Buffer.from(value, 'latin1').toString('latin1') === value;
