import { commitLabels } from './commit-labels.ts';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { effectList, violationsOf } from './history-of.ts';
import { reachStep, rollBack, waitUntilRolledBack } from './rollbacks.ts';

/** Where in a commit the server dies: before the transaction ends, right after it, and once the engine knows. */
const moments = ['journal.append.before-commit', 'journal.append.after-commit', 'engine.append.after'] as const;
/** Commits of a rollback. */
const rollbackLabels = ['turned-rollback', 'closed'] as const;

/** What an undisturbed rollout did: the measure for every crashed one. */
interface Reference {
  readonly effects: readonly string[];
  readonly labels: readonly string[];
  readonly status: string;
}

/**
 * F01, F02: the server is killed at every commit of a rollout, before it, after it, and after the engine has seen it.
 * Restarted, the rollout must do what an undisturbed one does: no step skipped, none repeated.
 */
export async function serverCrashPoints(bench: FaultBench, rollout: Rollout): Promise<readonly FaultPoint[]> {
  const reference = await undisturbed(bench, rollout);
  return moments.flatMap((moment) =>
    reference.labels.map((label) => ({
      name: `${rollout.name}: server killed at ${moment} of ${label}`,
      run: () => crashOnce(bench, rollout, { moment, label }, reference),
    })),
  );
}

/** F91: the server is killed at the commits of a rollback. Whatever was committed goes on; else the rollback is asked for again. */
export function rollbackCrashPoints(bench: FaultBench, rollout: Rollout): readonly FaultPoint[] {
  return moments.slice(0, 2).flatMap((moment) =>
    rollbackLabels.map((label) => ({
      name: `${rollout.name}: server killed at ${moment} of ${label} of a rollback`,
      run: () => crashRollback(bench, rollout, { moment, label }),
    })),
  );
}

/** A moment of a commit that is known by what is in it. */
interface CrashMoment {
  readonly moment: string;
  readonly label: string;
}

/** Restarts the server so that it dies at a moment of a deployment. */
export async function arm(bench: FaultBench, deploymentId: string, { moment, label }: CrashMoment): Promise<void> {
  const failpoint = `${moment}@${deploymentId}/${label}`;
  await bench.cluster.restartServer({ ...bench.serverEnv, HOTSWAP_FAILPOINT: failpoint });
}

async function undisturbed(bench: FaultBench, rollout: Rollout): Promise<Reference> {
  const deployment = await bench.runToEnd(rollout);
  bench.keep(deployment);
  const entries = await bench.journal(deployment.deploymentId);
  return { effects: effectList(entries), labels: commitLabels(entries), status: deployment.status };
}

async function crashOnce(
  bench: FaultBench,
  rollout: Rollout,
  crash: CrashMoment,
  reference: Reference,
): Promise<readonly string[]> {
  const moduleId = bench.next;
  const deploymentId = bench.newId();
  await arm(bench, deploymentId, crash);
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
  await bench.clear(deployment);
  const entries = await bench.journal(deploymentId);
  const effects = effectList(entries);
  return [
    ...(died ? [] : ['the moment never came']),
    ...(deployment.status === reference.status ? [] : [`it ended as ${deployment.status}: ${deployment.reason ?? ''}`]),
    ...(await violationsOf(entries)),
    ...(effects.join('\n') === reference.effects.join('\n')
      ? []
      : [`it did [${effects.join('; ')}] instead of [${reference.effects.join('; ')}]`]),
    ...(await bench.routeViolations(bench.serves(deployment) ? moduleId : bench.serving)),
  ];
}

async function crashRollback(bench: FaultBench, rollout: Rollout, crash: CrashMoment): Promise<readonly string[]> {
  const before = bench.serving;
  const deploymentId = bench.newId();
  await arm(bench, deploymentId, crash);
  await bench.begin(rollout, deploymentId, bench.next);
  await reachStep(bench, deploymentId, 1);
  await rollBack(bench, deploymentId).catch(() => undefined);
  const died = await bench.serverDeath(60_000);
  await bench.cluster.restartServer();
  await bench.persist(() => rollBack(bench, deploymentId));
  const status = await waitUntilRolledBack(bench, deploymentId);
  return [
    ...(died ? [] : ['the moment never came']),
    ...(status === 'RolledBack' ? [] : [`it ended as ${status}`]),
    ...(await violationsOf(await bench.journal(deploymentId))),
    ...(await bench.routeViolations(before)),
  ];
}
