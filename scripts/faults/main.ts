import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { agentCrashPoints } from './agent-crashes.ts';
import { doubleCommandPoints } from './double-commands.ts';
import { FaultBench, rollouts } from './fault-bench.ts';
import { runPoints, sampleOf, type FaultPoint, type FaultReport } from './fault-point.ts';
import { rollbackPoints } from './rollbacks.ts';
import { serverCrashPoints } from './server-crashes.ts';

const { values } = parseArgs({
  options: {
    /** A quick selection, for every test run. */
    sample: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** Only points whose name contains this. */
    only: { type: 'string', default: '' },
  },
});

/** Points of each group that `--sample` takes. */
const sampleSize = 3;

async function run(): Promise<FaultReport> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-faults-'));
  const bench = await FaultBench.start(dataDirectory);
  try {
    const groups: (readonly FaultPoint[])[] = [doubleCommandPoints(bench)];
    for (const rollout of rollouts) groups.push(await rollbackPoints(bench, rollout));
    groups.push(agentCrashPoints(bench));
    for (const rollout of rollouts) groups.push(await serverCrashPoints(bench, rollout));
    const chosen = groups
      .flatMap((group) => (values.sample ? sampleOf(group, sampleSize) : group))
      .filter((point) => point.name.includes(values.only));
    return await runPoints(chosen, (point, result, tookMs) => {
      const verdict = result === 'void' ? 'void    ' : result.length === 0 ? 'survived' : 'FAILED  ';
      console.error(`  ${verdict}  ${point.name} (${(tookMs / 1_000).toFixed(1)} s)`);
      if (result !== 'void') for (const violation of result) console.error(`            ${violation}`);
    });
  } finally {
    await bench[Symbol.asyncDispose]();
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

const report = await run();
console.error(
  `\n  ${String(report.survived)} of ${String(report.points)} faults survived${report.void > 0 ? `; ${String(report.void)} moments never came` : ''}`,
);
if (values.json) console.log(JSON.stringify(report));
process.exitCode = report.survived === report.points ? 0 : 1;
