#!/usr/bin/env node
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startLocalCluster, type LocalCluster } from './local-cluster.ts';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { 'data-dir': { type: 'string', default: '.hotswap' }, port: { type: 'string', default: '5000' } },
  });
  const dataDirectory = resolve(values['data-dir']);
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const cluster = await startLocalCluster({
    dataDirectory,
    port: Number(values.port),
    onProgress: (message) => {
      console.error(`  ${message}`);
    },
  });
  console.log(welcome(cluster, values['data-dir']));
  const endOfServer = await Promise.race([stopRequested(), cluster.server.ended]);
  if (endOfServer !== undefined)
    console.error(`  the server ended by itself (${String(endOfServer)}); its log is in ${cluster.server.logFile}`);
  console.error('  stopping');
  await cluster.stop();
  return endOfServer === undefined ? 0 : 1;
}

function stopRequested(): Promise<undefined> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  return Promise.race(
    signals.map((signal) => new Promise<undefined>((done) => process.once(signal, () => done(undefined)))),
  );
}

function welcome(cluster: LocalCluster, dataDirectory: string): string {
  const hotswap = `npm run --silent hotswap -- --data-dir ${dataDirectory}`;
  return `
HotSwap is running at ${cluster.url} with ${String(cluster.agents.size)} nodes in three regions.
API documentation: ${cluster.url}/api/docs

Try next:
  ${hotswap} push examples/modules/dist/greeter-1.0.0.wasm
  ${hotswap} deploy greeter-v1.0.0 --strategy AllAtOnce --watch
  ${hotswap} invoke greeter greet '"world"'

Ctrl-C stops everything.`;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
