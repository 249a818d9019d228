import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';

const taskset = '/usr/bin/taskset';

/** Puts a command on the first two cores of a larger machine, where `taskset` is there: all contestants and their load. */
export function onTheSameCores(command: readonly string[]): readonly string[] {
  if (availableParallelism() <= 2) return command;
  try {
    accessSync(taskset, constants.X_OK);
  } catch {
    return command;
  }
  return [taskset, '--cpu-list', '0,1', ...command];
}
