import process from 'node:process';
import { isHotSwapError } from '@hotswap/core';
import { composeAgent } from './compose.ts';
import { loadAgentConfig } from './config/load-agent-config.ts';
import type { EdgeAgent } from './edge-agent.ts';
import { exitCodes } from './exit-codes.ts';

/**
 * The worker process: agent logic and runtime. Started by the supervisor with its own arguments and a channel; when the
 * channel closes the supervisor is gone, and so is the worker.
 */
async function main(): Promise<void> {
  // Before anything else: a supervisor that dies while this starts must not leave an orphan.
  process.once('disconnect', () => process.exit(exitCodes.stopped));
  const command = loadAgentConfig(process.argv.slice(2), process.env);
  if (command.kind !== 'run') return;
  const failpoint = process.env['HOTSWAP_FAILPOINT'];
  const agent = await composeAgent(preferLastPort(command.config), failpoint === undefined ? {} : { failpoint });
  const stop = (): void => void stopAgent(agent, exitCodes.stopped);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await agent.start();
  process.send?.({ port: agent.port });
  const reason = await agent.ended;
  process.stderr.write(`${reason.message}\n`);
  await stopAgent(agent, exitCodes.notAdmitted);
}

async function stopAgent(agent: EdgeAgent, code: number): Promise<void> {
  await agent.stop().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  process.exit(code);
}

/** After a crash the node comes back under the address that gateways know. */
function preferLastPort<T extends { readonly dataPlanePort: number }>(config: T): T {
  const lastPort = Number(process.env['HOTSWAP_AGENT_LAST_PORT'] ?? 0);
  return config.dataPlanePort === 0 && lastPort > 0 ? { ...config, dataPlanePort: lastPort } : config;
}

main().catch((error: unknown) => {
  const isConfiguration = isHotSwapError(error, 'HS_AGENT_CONFIG_INVALID') || isHotSwapError(error, 'HS_RUNTIME_NATIVE_MISSING');
  process.stderr.write(`${isHotSwapError(error) ? error.message : (error as Error).stack}\n`);
  process.exit(isConfiguration ? exitCodes.configuration : 1);
});
