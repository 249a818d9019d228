import type { DeploymentView } from '@hotswap/protocol';
import type { Sample } from './load-generator.ts';
import { quantileMs, table, versionBars } from './summary.ts';

/** A stretch of the demo, in milliseconds of the load's own clock. */
export interface Phase {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Everything that the demo has seen. */
export interface DemoRun {
  readonly samples: readonly Sample[];
  readonly phases: readonly Phase[];
  readonly deployments: readonly DeploymentView[];
  readonly swaps: number;
  readonly rollbackMs: number;
  /** From the wish to take the blue-green switch back until every node was back. */
  readonly switchedBackMs: number;
}

/** The demo's result for programs. */
export function reportJson(run: DemoRun): object {
  return {
    requests: run.samples.length,
    dropped: droppedOf(run).length,
    callers: callersOf(run).map(({ name, samples }) => ({
      name,
      requests: samples.length,
      dropped: samples.filter(isDropped).length,
    })),
    swaps: run.swaps,
    deployments: run.deployments.map(({ deploymentId, strategy, status }) => ({ id: deploymentId, strategy, status })),
    rollbackMs: run.rollbackMs,
    switchedBackMs: run.switchedBackMs,
  };
}

/** What did not happen as it should have; empty when all is well. */
export function failuresOf(run: DemoRun): string[] {
  const bad = run.deployments.at(-1);
  const others = run.deployments.slice(0, -1);
  return [
    ...droppedOf(run)
      .slice(0, 5)
      .map(
        (sample) =>
          `a request was dropped at ${(sample.atMs / 1_000).toFixed(1)} s (${sample.caller}): ${sample.problem ?? ''}`,
      ),
    ...others
      .filter((one) => one.status !== (one.strategy === 'BlueGreen' ? 'RolledBack' : 'Completed'))
      .map(
        (one) => `${one.deploymentId} (${one.strategy} of ${one.moduleId}) ended as ${one.status}: ${one.reason ?? ''}`,
      ),
    ...['Canary', 'BlueGreen', 'ABTesting']
      .filter((strategy) => !run.deployments.some((one) => one.strategy === strategy))
      .map((strategy) => `no ${strategy} was rolled out`),
    ...run.deployments
      .filter((one) => one.strategy === 'ABTesting' && one.verdict !== 'B')
      .map((one) => `the experiment ${one.deploymentId} ended with the verdict ${one.verdict ?? 'none'}`),
    ...(bad?.status === 'RolledBack'
      ? []
      : [`the bad version was not rolled back: ${bad?.status ?? 'it was never deployed'} ${bad?.reason ?? ''}`]),
    ...(run.swaps >= 20 ? [] : [`only ${String(run.swaps)} swaps happened`]),
    ...(run.samples.length > 0 ? [] : ['no request was sent']),
  ];
}

/** The demo's result for people. */
export function reportText(run: DemoRun): string {
  const phases = run.phases.map((phase) => {
    const samples = run.samples.filter((sample) => sample.atMs >= phase.fromMs && sample.atMs < phase.toMs);
    const seconds = (phase.toMs - phase.fromMs) / 1_000;
    return [
      phase.name,
      seconds.toFixed(1),
      String(samples.length),
      (samples.length / seconds).toFixed(0),
      quantileMs(samples, 0.5).toFixed(1),
      quantileMs(samples, 0.99).toFixed(1),
      String(samples.filter(isDropped).length),
    ];
  });
  const swaps = run.deployments.filter((one) => one.strategy === 'AllAtOnce').length;
  const shown = run.deployments.filter((one) => one.strategy !== 'AllAtOnce');
  const deployments = shown.map((one) => [
    one.deploymentId,
    one.strategy,
    one.moduleId,
    one.status,
    one.reason ?? verdictText(one),
  ]);
  return [
    table(['PHASE', 'SECONDS', 'REQUESTS', 'PER S', 'P50 MS', 'P99 MS', 'DROPPED'], phases),
    '',
    table(
      ['WHO ASKS', 'REQUESTS', 'P50 MS', 'P99 MS', 'DROPPED'],
      callersOf(run).map(({ name, samples }) => [
        name,
        String(samples.length),
        quantileMs(samples, 0.5).toFixed(1),
        quantileMs(samples, 0.99).toFixed(1),
        String(samples.filter(isDropped).length),
      ]),
    ),
    '',
    ...modulesOf(run).flatMap((samples) => [versionBars(samples, 1_000, 60), '']),
    table(
      ['DEPLOYMENT', 'STRATEGY', 'MODULE', 'STATUS', 'REASON'],
      [...deployments, [`and ${String(swaps)} more`, 'AllAtOnce', '', 'Completed', '']],
    ),
    '',
    `  requests ${String(run.samples.length)}   dropped ${String(droppedOf(run).length)}   hot-swaps ${String(run.swaps)}   automatic rollback in ${run.rollbackMs.toFixed(0)} ms   switched back in ${run.switchedBackMs.toFixed(0)} ms`,
  ].join('\n');
}

function verdictText({ verdict }: DeploymentView): string {
  return verdict === undefined ? '' : `variant ${verdict} won`;
}

function droppedOf(run: DemoRun): readonly Sample[] {
  return run.samples.filter(isDropped);
}

function isDropped(sample: Sample): boolean {
  return sample.moduleId === null;
}

function callersOf(run: DemoRun): readonly { readonly name: string; readonly samples: readonly Sample[] }[] {
  return Object.entries(Object.groupBy(run.samples, ({ caller }) => caller)).map(([name, samples = []]) => ({
    name,
    samples,
  }));
}

/** Samples by the module that they are for; the callers of one module are shown together. */
function modulesOf(run: DemoRun): readonly (readonly Sample[])[] {
  const nameOf = ({ moduleId }: Sample): string => moduleId?.replace(/-v[\d.]+$/, '') ?? '';
  const moduleOf = new Map(run.samples.filter((one) => !isDropped(one)).map((one) => [one.caller, nameOf(one)]));
  return Object.values(Object.groupBy(run.samples, ({ caller }) => moduleOf.get(caller) ?? caller)).map(
    (samples = []) => samples,
  );
}
