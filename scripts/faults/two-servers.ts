import { access, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram, type ChildProgram } from '@hotswap/local-cluster';
import { startServices } from '../services.mjs';
import { disturb, standStill } from './disturbances.ts';
import { FaultBench, rollouts } from './fault-bench.ts';
import type { FaultPoint, FaultReport } from './fault-point.ts';

const nothing: FaultReport = { points: 0, survived: 0, failures: [] };
const deadMs = 1_500;

/**
 * Two servers on one Postgres, both driving every rollout: they race, one of them is killed, one stands still. Left out,
 * with a word, where no Postgres can be had.
 */
export async function twoServerPoints(
  run: (points: readonly FaultPoint[]) => Promise<FaultReport>,
): Promise<FaultReport> {
  const services = await startServices();
  const url = services.environment.HOTSWAP_TEST_POSTGRES_URL;
  if (url === undefined) {
    console.error(`  left out  two servers on one database: ${services.missing.join('; ')}`);
    return nothing;
  }
  const directory = await mkdtemp(join(tmpdir(), 'hotswap-two-'));
  try {
    const first = join(directory, 'first');
    await using bench = await FaultBench.start(first, { HOTSWAP_DATABASE_URL: url, HOTSWAP_INSTANCE_ID: 'first' });
    const second = await startSecond(directory, url);
    try {
      await untilReady(second);
      return await run(pointsOn(bench));
    } finally {
      await second.stop(10_000);
    }
  } finally {
    await services.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function pointsOn(bench: FaultBench): readonly FaultPoint[] {
  return rollouts.flatMap((rollout) => [
    { name: `${rollout.name}: two servers race`, run: () => disturb(bench, rollout, async () => []) },
    {
      name: `${rollout.name}: of two servers one is killed, and comes back`,
      run: () =>
        disturb(bench, rollout, async () => {
          await bench.cluster.server.kill();
          await sleep(deadMs);
          await bench.cluster.restartServer();
          return [];
        }),
    },
    {
      name: `${rollout.name}: of two servers one stands still (SIGSTOP)`,
      run: () => disturb(bench, rollout, () => standStill(bench)),
    },
  ]);
}

/** Resolves once the server has written how it is reached, or fails when it ends before. */
async function untilReady(server: ChildProgram): Promise<void> {
  const file = join(dirname(server.logFile), 'local-admin.json');
  while (
    !(await access(file).then(
      () => true,
      () => false,
    ))
  ) {
    if (!server.isRunning()) throw new RangeError(`the second server ended: see ${server.logFile}`);
    await sleep(100);
  }
}

/** The second server has the modules of the first: bytes are shared as on a network drive. */
async function startSecond(directory: string, url: string): Promise<ChildProgram> {
  const dataDirectory = join(directory, 'second');
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  await symlink(join(directory, 'first', 'modules'), join(dataDirectory, 'modules'));
  return startProgram({
    name: 'second server',
    entry: import.meta.resolve('@hotswap/server/main'),
    args: ['--data-dir', dataDirectory, '--host', '127.0.0.1', '--port', '0'],
    logFile: join(dataDirectory, 'server.log'),
    env: { HOTSWAP_DATABASE_URL: url, HOTSWAP_INSTANCE_ID: 'second' },
  });
}
