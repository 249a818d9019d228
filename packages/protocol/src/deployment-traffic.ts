import {
  mirrorCompareSchema,
  positiveDurationSchema,
  type DeploymentTraffic,
  type Duration,
  type TrafficMirror,
} from '@hotswap/core';
import { z } from 'zod';
import { cookieName, headerName } from './module-serving.ts';

/** The `traffic` block of a deployment as a caller writes it. @public */
export interface DeploymentTrafficRequest extends Pick<DeploymentTraffic, 'match'> {
  /** Copies requests to the new version before it gets any; answers are compared and dropped. Default: none. */
  readonly mirror?: {
    /** Share of the requests that is copied, above 0, at most 100. */
    readonly percent: number;
    /** How long. Default PT10M. */
    readonly duration?: Duration | number;
    /** Nodes that run the copies. Default 1. */
    readonly nodes?: number;
    /** Compared answers below which there is no verdict. Default 100. */
    readonly minimumSamples?: number;
    /** Share of answers that may differ. Default 0. */
    readonly maxDifferentPercent?: number;
    /** Share of copies that may fail. Default 0. */
    readonly maxFailedPercent?: number;
    /** What has to be the same. Default: status and body. */
    readonly compare?: TrafficMirror['compare'];
    /** Without a verdict a person is asked, or everything goes back. Default `pause`. */
    readonly onInconclusive?: TrafficMirror['onInconclusive'];
  };
}

/** The same with every default filled in; the release that gets the copies is the server's to make. @public */
export interface AskedTraffic extends Pick<DeploymentTraffic, 'match'> {
  readonly mirror?: Omit<TrafficMirror, 'releaseId'>;
}

const value = z.string().min(1).max(500).exactOptional();
const percent = z.number().min(0).max(100);

/** Reads the `traffic` block of a deployment; unknown keys are refused. @public */
export const deploymentTrafficSchema: z.ZodType<AskedTraffic, unknown> = z
  .strictObject({
    match: z
      .array(
        z.union([z.strictObject({ header: headerName, value }), z.strictObject({ cookie: cookieName, value })], {
          error: 'must be {"header": NAME} or {"cookie": NAME}, with a `value` or without',
        }),
      )
      .min(1)
      .max(20)
      .readonly()
      .exactOptional(),
    mirror: z
      .strictObject({
        percent: percent.gt(0),
        duration: positiveDurationSchema.default('PT10M'),
        nodes: z.int().min(1).max(1_000).default(1),
        minimumSamples: z.int().min(1).max(1_000_000_000).default(100),
        maxDifferentPercent: percent.default(0),
        maxFailedPercent: percent.default(0),
        compare: mirrorCompareSchema.default({}),
        onInconclusive: z.enum(['pause', 'rollback']).default('pause'),
      })
      .exactOptional(),
  })
  .refine(({ match, mirror }) => match !== undefined || mirror !== undefined, {
    error: 'must have a `match` or a `mirror`',
  });
