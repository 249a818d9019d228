import { sweepCrashes, type Simulation } from '@hotswap/testing';
import type { FaultPoint } from './fault-point.ts';
import { strategyCases } from './strategy-cases.ts';

/** Nodes of which enough are free for strategies that take nodes of their own. */
const serves = (_: string, position: number): boolean => position < 10;

/**
 * F01 in virtual time: the engine dies before and after every commit of every strategy, and a fresh one goes on from
 * what the store holds. The journal has to say the same as without a crash, at most 15 s later.
 */
export async function virtualCrashPoints(): Promise<readonly FaultPoint[]> {
  const groups = await Promise.all(
    strategyCases.map(async ({ strategy, quick }) => {
      const crashes = await sweepCrashes({
        strategies: strategyCases.map((known) => known.strategy),
        strategy: strategy.name,
        config: quick,
        serves,
      } satisfies ConstructorParameters<typeof Simulation>[0] & {
        readonly strategy: string;
        readonly config: unknown;
      });
      return crashes.map(({ commit, when, same, delayMs, outline }): FaultPoint => ({
        name: `${strategy.name}: engine dies ${when} commit ${String(commit + 1)}, in virtual time`,
        run: async () => [
          ...(same ? [] : [`its journal became [${outline.join('; ')}]`]),
          ...(delayMs <= 15_000 ? [] : [`it took ${String(delayMs)} ms longer`]),
        ],
      }));
    }),
  );
  return groups.flat();
}
