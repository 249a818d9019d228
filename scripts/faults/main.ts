import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { agentCrashPoints } from './agent-crashes.ts';
import { churnPoints } from './churn.ts';
import { disturbancePoints } from './disturbances.ts';
import { doubleCommandPoints } from './double-commands.ts';
import { FaultBench, mirroredRollout, rollouts, type Rollout } from './fault-bench.ts';
import { faultOptions } from './fault-options.ts';
import { runPoints, sampleOf, type FaultPoint, type FaultReport } from './fault-point.ts';
import { manyDeploymentPoints } from './many-deployments.ts';
import { rollbackPoints } from './rollbacks.ts';
import { trySeeds } from './seeds.ts';
import { rollbackCrashPoints, serverCrashPoints } from './server-crashes.ts';
import { trainCrashPoints } from './train-crashes.ts';
import { trainRowCrashPoints } from './train-row-crashes.ts';
import { twoServerPoints } from './two-servers.ts';
import { virtualCrashPoints } from './virtual-crashes.ts';
import { winnerPoints } from './winners.ts';

const values = faultOptions(process.argv.slice(2));

/** Points of each group that `--sample` takes. */
const sampleSize = 2;
const seedsOfFullRun = 100_000;
/** Real systems side by side; more would only wait for each other on two cores. */
const lanes = values.sample || values.only !== '' ? 1 : 2;

const chosen = (group: readonly FaultPoint[]): readonly FaultPoint[] =>
  (values.sample ? sampleOf(group, sampleSize) : group).filter((point) => point.name.includes(values.only));

function tell(point: FaultPoint, result: readonly string[], tookMs: number): void {
  console.error(`  ${result.length === 0 ? 'survived' : 'FAILED  '}  ${point.name} (${(tookMs / 1_000).toFixed(1)} s)`);
  for (const violation of result) console.error(`            ${violation}`);
}

/** Points that are alike: how their names begin, and how they are found, which may take a rollout that nothing disturbs. */
interface Group {
  readonly named: string;
  readonly points: () => readonly FaultPoint[] | Promise<readonly FaultPoint[]>;
}

/** Groups of one lane; what concerns no strategy is in the first or the last. */
function groupsOf(bench: FaultBench, strategies: readonly Rollout[], lane: number): readonly Group[] {
  const ofEach = [...strategies, ...(lane === 0 ? [mirroredRollout] : [])].flatMap((rollout): readonly Group[] => [
    { named: `${rollout.name}: rolled back at step`, points: () => rollbackPoints(bench, rollout) },
    { named: `${rollout.name}: server killed at`, points: () => serverCrashPoints(bench, rollout) },
  ]);
  const ofAll = [agentCrashPoints, disturbancePoints, churnPoints, manyDeploymentPoints].map((points): Group => ({
    named: '',
    points: () => points(bench, strategies),
  }));
  return [
    ...(lane === 0 ? [{ named: '20 parallel ', points: () => doubleCommandPoints(bench) }] : []),
    ...ofEach,
    ...ofAll,
    { named: '', points: () => strategies.flatMap((rollout) => rollbackCrashPoints(bench, rollout)) },
    ...(lane === 0 ? [{ named: 'train: server killed at journal', points: () => trainCrashPoints(bench) }] : []),
    ...(lane === lanes - 1
      ? [{ named: 'train: server killed at train.row', points: () => trainRowCrashPoints(bench) }]
      : []),
    ...(lane === lanes - 1 ? [{ named: 'ABTesting: B wins ', points: () => winnerPoints(bench) }] : []),
  ];
}

const isAsked = ({ named }: Group): boolean =>
  named === '' || named.includes(values.only) || values.only.startsWith(named);

/** One cluster and the points of some strategies on it. */
async function runLane(lane: number): Promise<FaultReport> {
  const strategies: readonly Rollout[] = rollouts.filter((_, index) => index % lanes === lane);
  const dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-faults-'));
  const bench = await FaultBench.start(dataDirectory);
  try {
    const found: FaultPoint[] = [];
    for (const group of groupsOf(bench, strategies, lane).filter(isAsked)) found.push(...chosen(await group.points()));
    return await runPoints(found, tell);
  } finally {
    await bench[Symbol.asyncDispose]();
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

async function run(): Promise<FaultReport> {
  const virtual = await runPoints(chosen(await virtualCrashPoints()), tell);
  const reports = await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
  const two = await twoServerPoints(async (points) => runPoints(chosen(points), tell));
  return [virtual, ...reports, two].reduce((sum, report) => ({
    points: sum.points + report.points,
    survived: sum.survived + report.survived,
    failures: [...sum.failures, ...report.failures],
  }));
}

const seedCommand = (seeds: number, from: number): string =>
  `npm run faults -- --seeds ${String(seeds)} --from ${String(from)}${values.cases === '' ? '' : ` --cases ${values.cases}`}`;

async function runSeeds(count: number): Promise<FaultReport> {
  const from = wholeNumber('--from', values.from);
  const { seeds, failures, covered, tookMs } = await trySeeds({
    count,
    from,
    cases: values.cases === '' ? new URL('./strategy-cases.ts', import.meta.url) : pathToFileURL(resolve(values.cases)),
    onFailure: ({ seed, story, violations }) => {
      console.error(`  FAILED    seed ${String(seed)}: ${story.join('; ')}`);
      for (const violation of violations) console.error(`            ${violation}`);
      console.error(`            again: ${seedCommand(1, seed)}`);
    },
    onProgress: (done, through, perSecond) =>
      console.error(
        `  ${String(done)} of ${String(count)} seeds, ${perSecond.toFixed(0)} a second; to go on from here: ${seedCommand(from + count - through, through)}`,
      ),
  });
  console.error(`\n  what happened, and to how many seeds:`);
  for (const [what, times] of Object.entries(covered)) console.error(`  ${String(times).padStart(8)}  ${what}`);
  console.error(
    `\n  ${String(seeds - failures.length)} of ${String(seeds)} seeds kept every invariant, in ${(tookMs / 1_000).toFixed(0)} s (${((1_000 * seeds) / tookMs).toFixed(0)} a second)`,
  );
  return {
    points: seeds,
    survived: seeds - failures.length,
    failures: failures.map(({ seed, violations }) => ({ point: `seed ${String(seed)}`, violations })),
  };
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (text !== '' && Number.isSafeInteger(number) && number >= 0) return number;
  console.error(`${option} must be a whole number that is not negative, not "${text}"`);
  process.exit(2);
}

const began = performance.now();
const report = values.seeds === '' ? await run() : await runSeeds(wholeNumber('--seeds', values.seeds));
if (values.seeds === '')
  console.error(
    `\n  ${String(report.survived)} of ${String(report.points)} faults survived, in ${((performance.now() - began) / 60_000).toFixed(1)} minutes`,
  );
const seeds = values.full ? await runSeeds(seedsOfFullRun) : undefined;
if (values.json) console.log(JSON.stringify({ ...report, ...(seeds ? { seeds } : {}) }));
process.exitCode = report.survived === report.points && (seeds?.failures.length ?? 0) === 0 ? 0 : 1;
