// Makes a clone ready to run: packages, Node 24, the native addon, the example modules. Depends on nothing but Node 20 and
// npm, does only what is missing, and is quick when nothing is. Every npm script of this repository starts with it.
import { performance } from 'node:perf_hooks';
import { buildAddon } from './bootstrap/build-addon.mjs';
import { buildModules } from './bootstrap/build-modules.mjs';
import { checkPinnedNode, installPackages } from './bootstrap/install-packages.mjs';
import { runAsCommand, say, seconds } from './bootstrap/progress.mjs';

await runAsCommand('bootstrap', async () => {
  const sinceMs = performance.now();
  await installPackages();
  const node = await checkPinnedNode();
  const addon = await buildAddon();
  const modules = await buildModules();
  say('bootstrap', `ready in ${seconds(sinceMs)}: node ${node}, addon ${addon}, example modules ${modules}`);
});
