import type { Failpoint } from '@hotswap/core';

/**
 * Kills the process, as `kill -9` would, when it comes to the n-th passage of one moment; for fault tests.
 * @param setting `name`, or `name@n` for the n-th passage (from 1)
 * @internal
 */
export function killingFailpoint(setting: string): Failpoint {
  const at = setting.lastIndexOf('@');
  const wanted = at < 0 ? setting : setting.slice(0, at);
  let left = at < 0 ? 1 : Number(setting.slice(at + 1));
  return (name) => {
    if (name === wanted && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
