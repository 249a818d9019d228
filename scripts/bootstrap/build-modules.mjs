// The example modules that npm's toolchains can build. Their own build script knows what is stale and keeps a cache.
import { existsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { cacheFolder, environmentOfClone, inRoot, pinnedNode } from './paths.mjs';
import { SetupProblem, say, seconds } from './progress.mjs';
import { runCommand, tail } from './run-command.mjs';

/** A build that takes longer than this is worth a line. */
const QUIET_MS = 500;

/** Makes `examples/modules/dist` fit its sources. Returns what that took. */
export async function buildModules() {
  const workspace = inRoot('examples', 'modules');
  const script = inRoot('examples', 'modules', 'build.mjs');
  if (!existsSync(script)) return 'none';
  const sinceMs = performance.now();
  const announcement = setTimeout(() => say('modules', 'building the example modules …'), QUIET_MS);
  const env = environmentOfClone({ HOTSWAP_CACHE_DIR: cacheFolder });
  const build = await runCommand(pinnedNode, [script], { cwd: workspace, env });
  clearTimeout(announcement);
  if (build.code !== 0)
    throw new SetupProblem(`the example modules do not build:\n${tail(build.stdout + build.stderr)}`);
  const result = tail(build.stdout, 1);
  if (performance.now() - sinceMs > QUIET_MS) say('modules', `${result} (${seconds(sinceMs)})`);
  return result.includes('up to date') ? 'in place' : 'built';
}
