import type { HealthCheckOverride } from '../model/health-check.ts';
import type { Json } from '../model/json.ts';
import type { MetricName, VariantMetrics } from '../model/metrics.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { OffPeakWindow } from '../model/off-peak-window.ts';
import type { ReleaseId } from '../model/deployment.ts';
import type { MirrorCompare } from '../model/traffic-mirror.ts';

/** Why a stage could not go on. @public */
export type FailureCause = 'load' | 'health' | 'deadline' | 'trigger' | 'capacity' | 'metrics' | 'strategy';

/**
 * The recorded reason of a failed effect. It is what {@link StageFailed} carries and what `hotswap why` shows.
 * @public
 */
export interface StageFailure {
  readonly cause: FailureCause;
  /** A sentence for people; the texts of 002 are kept word for word. */
  readonly message: string;
  /** Nodes that it is about; absent when it is about all. */
  readonly nodes?: NodeSet;
  /** Observed values, thresholds and samples. */
  readonly facts?: Json;
}

/** What the journal holds as the end of an effect: results only, never exceptions. @public */
export type EffectResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: StageFailure };

/** Commands with which a person can answer a strategy's own pause. @public */
export type PauseAnswer = 'promote' | 'retry' | 'resume';

/** How an A/B experiment is decided. @public */
export interface WinnerCriteria {
  readonly metric: MetricName;
  readonly comparison: 'lower_is_better' | 'higher_is_better';
  /** Improvement of B over A in percent from which B wins; the same the other way for A. */
  readonly thresholdPercent: number;
  /** Calls that each variant needs before there can be a verdict. */
  readonly minimumSampleSize: number;
  /** Chance of a winner between equals that is borne, over all looks together. Default 0.05. */
  readonly significanceLevel?: number;
}

/** `Inconclusive` covers too few samples, missing data and differences that chance explains. @public */
export type Verdict = 'A' | 'B' | 'Inconclusive';

/**
 * The closed set of effects: what a strategy can ask for, and what it gets back. All of it is JSON. Absent members mean
 * the default that the handler states; creators never fill them in, so a new default cannot diverge an old journal.
 * @public
 */
export interface EffectTable {
  /** Makes a release present, verified and warm on nodes; it gets no traffic by that. */
  readonly deploy: {
    readonly input: {
      /** Nodes to load it on, in this order. */
      readonly nodes: NodeSet;
      /** Release to load. Default: the one that the deployment is about. */
      readonly releaseId?: ReleaseId;
      /** Nodes that may be loading at one time. Default 1,000. */
      readonly maxInFlight?: number;
      /** Time for one node from being told to being ready. Default 60,000. */
      readonly nodeDeadlineMs?: number;
      /** Unreachable nodes that are let pass as unknown. Default 0. */
      readonly maxUnknown?: number;
    };
    readonly value: { readonly ready: number; readonly unknown: number };
  };
  /** Waits for a health verdict of each node from checks that ran after this step began. */
  readonly verify: {
    readonly input: {
      /** Nodes that all have to be healthy. */
      readonly nodes: NodeSet;
      /** Laid over the deployment's health check. */
      readonly check?: HealthCheckOverride;
      /** Time for a verdict. Default: `successThreshold` and `failureThreshold` rounds of the check's interval and timeout, at least 10,000. */
      readonly timeoutMs?: number;
      /** Text of the failure. Default `Health checks failed`. */
      readonly failure?: string;
    };
    readonly value: { readonly healthy: number };
  };
  /** Lets active time pass (a person's pause stops the clock). `promote` ends it early. */
  readonly wait: {
    readonly input: {
      /** Active time to let pass. */
      readonly forMs: number;
      /** What is waited for, in words for people. */
      readonly reason: string;
      /** Nodes whose health check runs meanwhile; one turning unhealthy ends the wait as a failure. Default: none. */
      readonly watch?: NodeSet;
      /** Laid over the deployment's health check. */
      readonly check?: HealthCheckOverride;
      /** Text of that failure. Default `Health checks failed`. */
      readonly failure?: string;
      /** After `forMs` the wait goes on until one of these is open. Default: it does not. */
      readonly windows?: readonly OffPeakWindow[];
    };
    readonly value: { readonly ended: 'elapsed' | 'promoted' };
  };
  /** Gives `percent` of the requests that `among` serves to the release, on the nodes `to`; the rest stays on the baseline. */
  readonly shiftTraffic: {
    readonly input: {
      /** Share of the requests that go to the release, 0 to 100. */
      readonly percent: number;
      /** Nodes that serve the release. */
      readonly to: NodeSet;
      /** Nodes whose requests are shared out. */
      readonly among: NodeSet;
      /** Release that gets the share. Default: the one that the deployment is about. */
      readonly releaseId?: ReleaseId;
      /** Time for routers and nodes to report the new route. Default 30,000. */
      readonly timeoutMs?: number;
    };
    readonly value: { readonly revision: number };
  };
  /** Copies requests to a release without traffic, compares its answers with those that callers get, and drops them. */
  readonly mirror: {
    readonly input: {
      /** Release that gets the copies; it has to be deployed. */
      readonly releaseId: ReleaseId;
      /** Share of the requests that is copied, 0 to 100. */
      readonly percent: number;
      /** Active time to copy for, from when every router does. */
      readonly forMs: number;
      /** Compared answers below which the verdict is `Inconclusive`. Default 100. */
      readonly minimumSamples?: number;
      /** Share of the answers that may differ. Default 0. */
      readonly maxDifferentPercent?: number;
      /** Share of the copies that may fail. Default 0. */
      readonly maxFailedPercent?: number;
      /** What has to be the same. Default: status and body. */
      readonly compare?: MirrorCompare;
      /** Time for routers to take it up. Default 30,000. */
      readonly timeoutMs?: number;
    };
    readonly value: {
      /** `Inconclusive`: too few samples, which is no success. Too many differences or failures fail the effect. */
      readonly verdict: 'Passed' | 'Inconclusive';
      readonly equal: number;
      readonly different: number;
      readonly failed: number;
      readonly skipped: number;
    };
  };
  /** Measures both variants over a period. */
  readonly observe: {
    readonly input: {
      /** Active time to measure over. */
      readonly forMs: number;
      /** Nodes on which the baseline's calls count. */
      readonly baseline: NodeSet;
      /** Nodes on which the new release's calls count. */
      readonly candidate: NodeSet;
      /**
       * What is measured: `began` the period itself, `shift` everything since this scope's traffic last moved, so that each
       * look sees all that came before it. Default `began`.
       */
      readonly since?: 'began' | 'shift';
      /** Whether the latency sketches come along, for a judge of quantiles. Default `false`. */
      readonly sketches?: boolean;
      /** Nodes whose health check runs meanwhile; one turning unhealthy ends the period as a failure. Default: none. */
      readonly watch?: NodeSet;
      /** Laid over the deployment's health check. */
      readonly check?: HealthCheckOverride;
      /** Text of that failure. Default `Health checks failed`. */
      readonly failure?: string;
    };
    readonly value: { readonly baseline: VariantMetrics; readonly candidate: VariantMetrics };
  };
  /** Decides from observations. Too few samples are `Inconclusive`, never a win. */
  readonly judge: {
    readonly input: {
      /** What was measured of A. */
      readonly baseline: VariantMetrics;
      /** What was measured of B. */
      readonly candidate: VariantMetrics;
      /** What counts as better, and by how much. */
      readonly criteria: WinnerCriteria;
      /** Name of a registered method. Default `welch`. */
      readonly method?: string;
    };
    readonly value: { readonly verdict: Verdict; readonly improvementPercent: number | null; readonly reason: string };
  };
  /** Says how far the rollout is. */
  readonly progress: {
    readonly input: {
      /** 0 to 100. */
      readonly percent: number;
      /** Name of the stage that has been reached. */
      readonly stage?: string;
    };
    readonly value: null;
  };
  /** Stops until a person answers with one of the accepted commands. */
  readonly pause: {
    readonly input: {
      /** What a person has to decide, in words. */
      readonly reason: string;
      /** Commands that end the pause; the others are refused. */
      readonly accepts: readonly PauseAnswer[];
    };
    readonly value: { readonly command: PauseAnswer };
  };
  /** Records a failure of the strategy's own finding; always ends as that failure. */
  readonly fail: {
    readonly input: {
      /** A sentence for people. */
      readonly message: string;
      /** Default `strategy`. */
      readonly cause?: FailureCause;
      /** Nodes that it is about. Default: all. */
      readonly nodes?: NodeSet;
      /** Observed values and thresholds. */
      readonly facts?: Json;
    };
    readonly value: never;
  };
  /** Takes a release away from nodes that no longer route to it. */
  readonly retire: {
    readonly input: {
      /** Nodes that lose the release. */
      readonly nodes: NodeSet;
      /** Release to take away. Default: the one that the deployment is about. */
      readonly releaseId?: ReleaseId;
    };
    readonly value: null;
  };
  /** Brings nodes and their traffic back to the baseline snapshot of this deployment. */
  readonly restore: {
    readonly input: {
      /** Nodes to bring back. */
      readonly nodes: NodeSet;
      /** Why, for the journal. */
      readonly reason: string;
      /**
       * Release that takes over from the baseline once it is warm on the nodes; until then they serve the baseline.
       * Default: the baseline stays.
       */
      readonly releaseId?: ReleaseId;
      /** Time after which silent nodes are listed as unknown. Default 30,000; 60,000 with `releaseId`. */
      readonly timeoutMs?: number;
    };
    readonly value: { readonly restored: number; readonly unknown: number };
  };
  /** Tells people something; delivered at least once, never waited for. */
  readonly notify: {
    readonly input: {
      /** A sentence for people. */
      readonly text: string;
      /** Default `info`. */
      readonly severity?: 'info' | 'warning' | 'critical';
    };
    readonly value: null;
  };
}

/** Names of all effects. @public */
export type EffectKind = keyof EffectTable;
/** What a strategy hands in for an effect. @public */
export type EffectInput<K extends EffectKind> = EffectTable[K]['input'];
/** What it gets back when the effect went well. @public */
export type EffectValue<K extends EffectKind> = EffectTable[K]['value'];

/** One effect as it is yielded and journalled. @public */
export interface EffectOf<K extends EffectKind> {
  readonly kind: K;
  /** Version of the kind's meaning; a server that does not know it declines the deployment without writing. */
  readonly version: number;
  readonly input: EffectInput<K>;
  /** Nodes of the part of the rollout that yielded it (see `within`); absent means all targets. */
  readonly scope?: NodeSet;
}

/** Any effect. @public */
export type Effect = { readonly [K in EffectKind]: EffectOf<K> }[EffectKind];
