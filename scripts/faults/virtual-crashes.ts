import { noMirrorTally, type DeploymentSpec } from '@hotswap/core';
import { sweepCrashes } from '@hotswap/testing';
import type { FaultPoint } from './fault-point.ts';
import { quickMirror, strategyCases } from './strategy-cases.ts';

/** Nodes of which enough are free for strategies that take nodes of their own. */
const serves = (_: string, position: number): boolean => position < 10;

/** What is swept: a name, and what is deployed how. */
interface Sweep {
  readonly name: string;
  readonly strategy: string;
  readonly config: unknown;
  readonly spec?: Partial<DeploymentSpec>;
}

/**
 * F01 in virtual time: the engine dies before and after every commit of every strategy, and of a mirror before one, and a
 * fresh one goes on from what the store holds. The journal has to say the same as without a crash, at most 15 s later.
 */
export async function virtualCrashPoints(): Promise<readonly FaultPoint[]> {
  const sweeps: readonly Sweep[] = [
    ...strategyCases.map(({ strategy: { name }, quick }) => ({ name, strategy: name, config: quick })),
    { name: 'Mirror', strategy: 'AllAtOnce', config: {}, spec: { traffic: { mirror: quickMirror } } },
  ];
  const groups = await Promise.all(
    sweeps.map(async ({ name, ...deployment }) => {
      const crashes = await sweepCrashes({
        strategies: strategyCases.map((known) => known.strategy),
        serves,
        mirrored: () => ({ ...noMirrorTally, equal: 100 }),
        ...deployment,
      });
      return crashes.map(({ commit, when, same, delayMs, outline }): FaultPoint => ({
        name: `${name}: engine dies ${when} commit ${String(commit + 1)}, in virtual time`,
        run: async () => [
          ...(same ? [] : [`its journal became [${outline.join('; ')}]`]),
          ...(delayMs <= 15_000 ? [] : [`it took ${String(delayMs)} ms longer`]),
        ],
      }));
    }),
  );
  return groups.flat();
}
