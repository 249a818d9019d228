#!/usr/bin/env node
// Builds the guest modules into dist:  node build.mjs [--force] [--list] [module ...]
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { buildModules } from './tooling/build-modules.mjs';
import { planBuild } from './tooling/build-plan.mjs';

const { values, positionals } = parseArgs({
  options: { force: { type: 'boolean' }, list: { type: 'boolean' } },
  allowPositionals: true,
});

const kilobytes = (sizeBytes) => (sizeBytes < 10_000 ? `${sizeBytes} B` : `${Math.round(sizeBytes / 1000)} kB`);

function report({ id, from, sizeBytes, tookMs }) {
  const origin = from === 'cache' ? 'from the cache' : `${Math.round(tookMs)} ms`;
  process.stdout.write(`  ${id.padEnd(32)} ${kilobytes(sizeBytes).padStart(8)}  ${origin}\n`);
}

async function main() {
  if (values.list) {
    for (const { id, recipe } of planBuild()) process.stdout.write(`${id.padEnd(32)} ${recipe}\n`);
    return;
  }
  const sinceMs = performance.now();
  const { targets, made } = await buildModules({
    ...(positionals.length > 0 ? { only: positionals } : {}),
    force: values.force ?? false,
    report,
  });
  const took = `${((performance.now() - sinceMs) / 1000).toFixed(2)} s`;
  process.stdout.write(
    made === 0 ? `${targets} modules are up to date\n` : `${made} of ${targets} modules made in ${took}\n`,
  );
}

main().catch((error) => {
  process.stderr.write(`${error.name === 'GuestBuildError' ? error.message : error.stack}\n`);
  process.exitCode = 1;
});
