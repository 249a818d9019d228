import { z } from 'zod';
import type { Duration } from './duration.ts';

/** What of two answers has to be the same; their statuses always have to be. @public */
export interface MirrorCompare {
  /** Whether bodies are compared, JSON by its structure. Default `true`. */
  readonly body?: boolean;
  /**
   * JSON pointers of what may differ, `*` standing for any one member, e.g. `/result/id`. Calls of
   * functions are compared as `{result, stdout, exitCode}`, answers to HTTP requests as they are. Default none.
   */
  readonly ignore?: readonly string[];
  /** Names of headers of HTTP answers that are compared too, in lower case. Default none. */
  readonly headers?: readonly string[];
}

const pointer = z
  .string()
  .max(200)
  .regex(/^(\/[^/]*)+$/, 'must be a JSON pointer such as /result/id');

/** Reads a `compare` block; unknown keys are refused. @public */
export const mirrorCompareSchema: z.ZodType<MirrorCompare, unknown> = z.strictObject({
  body: z.boolean().exactOptional(),
  ignore: z.array(pointer).max(50).readonly().exactOptional(),
  headers: z
    .array(
      z
        .string()
        .max(100)
        .regex(/^[a-z0-9-]+$/, 'must be a header name in lower case'),
    )
    .max(20)
    .readonly()
    .exactOptional(),
});

/**
 * Requests that a deployment copies to the new version before it gets any: the answers are compared and dropped, and the
 * copies run without capabilities.
 * @public
 */
export interface TrafficMirror {
  /** The new version without capabilities, under an id of its own. */
  readonly releaseId: string;
  /** Share of the requests that is copied. */
  readonly percent: number;
  /** How long. */
  readonly duration: Duration;
  /** Nodes that run the copies, at most all targets. */
  readonly nodes: number;
  /** Compared answers below which there is no verdict. */
  readonly minimumSamples: number;
  /** Share of answers that may differ. */
  readonly maxDifferentPercent: number;
  /** Share of copies that may fail: trap, run out of time, lose their node. */
  readonly maxFailedPercent: number;
  readonly compare: MirrorCompare;
  /** What follows when there is no verdict: a person is asked, or everything goes back. */
  readonly onInconclusive: 'pause' | 'rollback';
}

/** How one copied call came out differently. Says where, never what: values may be anybody's. @public */
export interface MirrorDifference {
  /** Function, or method of an HTTP request. */
  readonly call: string;
  /** `status`, a header's name, or a JSON pointer into the body; empty for the whole body. */
  readonly at: string;
  /** Status, or the kind of value on the side of the version that serves. */
  readonly live: string;
  /** The same on the side of the copy. */
  readonly mirrored: string;
}

/** What routers have counted of one mirror, all of them together. @public */
export interface MirrorTally {
  readonly equal: number;
  readonly different: number;
  /** The copy trapped, ran out of time or took its node with it. */
  readonly failed: number;
  /** Chosen but not compared: too large, streaming, too many at once, no node for it, or the live call had no answer. */
  readonly skipped: number;
  /** A few of the differences. */
  readonly examples: readonly MirrorDifference[];
}

/** Nothing counted yet. @public */
export const noMirrorTally: MirrorTally = { equal: 0, different: 0, failed: 0, skipped: 0, examples: [] };
