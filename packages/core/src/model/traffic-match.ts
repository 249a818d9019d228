import type { TrafficMirror } from './traffic-mirror.ts';

/**
 * Requests that get the new release whatever its share is: testers, a cohort, one variant of an experiment.
 * @public
 */
export type TrafficMatch =
  | {
      /** Name of a header, in lower case. */
      readonly header: string;
      /** What it has to be, letter by letter. Absent: anything but empty. */
      readonly value?: string;
    }
  | {
      /** Name of a cookie. */
      readonly cookie: string;
      /** What it has to be, letter by letter. Absent: anything but empty. */
      readonly value?: string;
    };

/** How a deployment steers requests beside its weights. @public */
export interface DeploymentTraffic {
  /**
   * Any of them brings a request to the new release while the rollout is under way and the release has traffic. Absent:
   * none.
   */
  readonly match?: readonly TrafficMatch[];
  /** Requests that are copied to the new version before it gets any. Absent: none. */
  readonly mirror?: TrafficMirror;
}
