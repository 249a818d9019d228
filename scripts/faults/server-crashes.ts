import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { effectList, violationsOf } from './history-of.ts';

/** Where in a commit the server dies: before the transaction ends, right after it, and once the engine knows. */
const moments = ['journal.append.before-commit', 'journal.append.after-commit', 'engine.append.after'] as const;

/** Commits of an undisturbed rollout, and what it did: the measure for every crashed one. */
interface Reference {
  readonly effects: readonly string[];
  readonly commits: number;
  readonly status: string;
}

/**
 * F01, F02: the server is killed at every commit of a rollout, before it, after it, and after the engine has seen it.
 * Restarted, the rollout must do what an undisturbed one does: no step skipped, none repeated.
 */
export async function serverCrashPoints(bench: FaultBench, rollout: Rollout): Promise<readonly FaultPoint[]> {
  const reference = await undisturbed(bench, rollout);
  return moments.flatMap((moment) =>
    Array.from({ length: reference.commits }, (_, index) => ({
      name: `${rollout.strategy}: server killed at ${moment} of commit ${String(index + 1)}`,
      run: () => crashOnce(bench, rollout, `${moment}@${String(index + 1)}`, reference),
    })),
  );
}

async function undisturbed(bench: FaultBench, rollout: Rollout): Promise<Reference> {
  const deployment = await bench.runToEnd(rollout);
  bench.keep(deployment);
  const entries = await bench.journal(deployment.deploymentId);
  // Entries of one commit share its time. Two commits within a millisecond would be taken for one, so one more is tried:
  // a moment that never comes is void, not survived.
  const commits = new Set(entries.map((entry) => entry.at)).size + 1;
  return { effects: effectList(entries), commits, status: deployment.status };
}

async function crashOnce(
  bench: FaultBench,
  rollout: Rollout,
  failpoint: string,
  reference: Reference,
): Promise<readonly string[] | 'void'> {
  const moduleId = bench.next;
  const deploymentId = bench.newId();
  await bench.cluster.restartServer({ ...bench.serverEnv, HOTSWAP_FAILPOINT: failpoint });
  const begun = await bench.begin(rollout, deploymentId, moduleId).then(
    () => true,
    () => false,
  );
  const died = await Promise.race([
    bench.serverDeath(60_000),
    begun
      ? bench.waitForEnd(deploymentId).then(
          () => false,
          () => bench.serverDeath(2_000),
        )
      : bench.serverDeath(2_000),
  ]);
  if (died) {
    await bench.cluster.restartServer();
    await bench.begin(rollout, deploymentId, moduleId);
  }
  const deployment = await bench.waitForEnd(deploymentId);
  bench.keep(deployment);
  if (deployment.status === 'Paused')
    await bench.client.deployments.abort(deploymentId, { reason: 'the next fault is due' });
  if (!died) return 'void';
  const entries = await bench.journal(deploymentId);
  const effects = effectList(entries);
  return [
    ...(deployment.status === reference.status ? [] : [`it ended as ${deployment.status}: ${deployment.reason ?? ''}`]),
    ...(await violationsOf(entries)),
    ...(effects.join('\n') === reference.effects.join('\n')
      ? []
      : [`it did [${effects.join('; ')}] instead of [${reference.effects.join('; ')}]`]),
    ...(await bench.routeViolations(bench.serves(deployment) ? moduleId : bench.serving)),
  ];
}
