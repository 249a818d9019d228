import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';

const taskset = '/usr/bin/taskset';

/**
 * Where a program runs. `both`: on the first two cores, with everything else of its comparison. `server` and `load`: each
 * on one of them, so that the load takes nothing from what it measures, and the server's own computing decides.
 */
export type Cores = 'both' | 'server' | 'load';

const lists: Readonly<Record<Cores, string>> = { both: '0,1', server: '0', load: '1' };

/** Whether programs can be put on cores: there are two at least, and `taskset`. */
export function coresCanBeChosen(): boolean {
  if (availableParallelism() < 2) return false;
  try {
    accessSync(taskset, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The command that runs a command there; the command itself where that cannot be chosen, or is so anyway. */
export function onCores(cores: Cores, command: readonly string[]): readonly string[] {
  const anyway = cores === 'both' && availableParallelism() <= 2;
  return anyway || !coresCanBeChosen() ? command : [taskset, '--cpu-list', lists[cores], ...command];
}
