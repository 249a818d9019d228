#!/usr/bin/env node
import { isHotSwapError } from '@hotswap/core';
import { createServer } from './compose.ts';
import { loadServerConfig } from './config/load.ts';
import { shownConfig } from './config/shown-config.ts';
import { killingFailpoint } from './killing-failpoint.ts';
import type { RunningServer } from './hotswap-server.ts';

/** Shows what the sources come to, and ends. */
const printFlag = '--print-config';
const stopGraceMs = 10_000;
const exitCodes = { failed: 1, badConfig: 78 } as const;
const badConfigCodes = [
  'HS_CONFIG_INVALID',
  'HS_PLUGIN_NOT_FOUND',
  'HS_PLUGIN_INVALID',
  'HS_PLUGIN_DUPLICATE',
] as const;

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const config = await loadServerConfig(
    args.filter((arg) => arg !== printFlag),
    process.env,
  );
  if (args.includes(printFlag)) {
    process.stdout.write(`${JSON.stringify(shownConfig(config), null, 2)}\n`);
    return;
  }
  const failpoint = process.env['HOTSWAP_FAILPOINT'];
  const server = await createServer(config, failpoint === undefined ? {} : { failpoint: killingFailpoint(failpoint) });
  console.error(`HotSwap ${config.environment} server at ${server.url}, API documentation at ${server.url}/api/docs`);
  if (server.httpsUrl !== null && server.httpsUrl !== server.url) console.error(`HTTPS at ${server.httpsUrl}`);
  if (server.adminFile !== null) console.error(`Local admin credential: ${server.adminFile}`);
  if (server.announcement !== null) console.error(server.announcement);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(server));
  // A parent that started this as its child has died: nobody is left to stop it.
  if (process.connected) process.once('disconnect', () => void stop(server));
}

async function stop(server: RunningServer): Promise<void> {
  setTimeout(() => process.exit(exitCodes.failed), stopGraceMs).unref();
  try {
    await server.stop();
    process.exit(0);
  } catch (error) {
    console.error(describe(error));
    process.exit(exitCodes.failed);
  }
}

function describe(error: unknown): string {
  if (isHotSwapError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await main();
} catch (error) {
  console.error(describe(error));
  const isBadConfig = badConfigCodes.some((code) => isHotSwapError(error, code));
  process.exit(isBadConfig ? exitCodes.badConfig : exitCodes.failed);
}
