import process from 'node:process';
import { isHotSwapError } from '@hotswap/core';
import { composeAgent, type AgentParts } from '../compose.ts';
import { loadAgentConfig } from '../config/load-agent-config.ts';
import type { RunningAgent } from '../running-agent.ts';
import { exitCodes } from './exit-codes.ts';

const signOfLifeMs = 2_000;
/** What starting again does not mend. */
const configurationCodes: ReadonlySet<string> = new Set([
  'HS_AGENT_CONFIG_INVALID',
  'HS_RUNTIME_NATIVE_MISSING',
  'HS_RUNTIME_CHILD_MISSING',
  'HS_RUNTIME_WASMEDGE_NOT_FOUND',
]);

/**
 * The worker process: agent logic and runtime. Started by the supervisor with its own arguments and a channel; when the
 * channel closes the supervisor is gone, and so is the worker. Ends the process when the agent has ended.
 * @internal
 */
export async function runWorker(parts: AgentParts = {}): Promise<void> {
  try {
    await serve(parts);
  } catch (error) {
    const isConfiguration = isHotSwapError(error) && configurationCodes.has(error.code);
    process.stderr.write(`${isHotSwapError(error) ? error.message : String((error as Error).stack)}\n`);
    process.exit(isConfiguration ? exitCodes.configuration : exitCodes.accident);
  }
}

async function serve(parts: AgentParts): Promise<void> {
  // Before anything else: a supervisor that dies while this starts must not leave an orphan.
  process.once('disconnect', () => process.exit(exitCodes.stopped));
  const command = loadAgentConfig(process.argv.slice(2), process.env);
  if (command.kind !== 'run') return;
  const failpoint = process.env['HOTSWAP_FAILPOINT'];
  // After a crash the node comes back under the address that gateways know.
  const preferredPort = Number(process.env['HOTSWAP_AGENT_LAST_PORT'] ?? 0);
  const agent = await composeAgent(command.config, {
    ...parts,
    preferredPort,
    ...(failpoint === undefined ? {} : { failpoint }),
  });
  const stop = (): void => void stopAgent(agent, exitCodes.stopped);
  // A terminal's Ctrl-C comes twice, from the terminal and from the supervisor: neither may cut the other short.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await agent.start();
  process.send?.({ port: agent.port });
  setInterval(() => process.send?.({}), signOfLifeMs).unref();
  const reason = await agent.ended;
  process.stderr.write(`${reason.message}\n`);
  await stopAgent(agent, exitCodes.notAdmitted);
}

async function stopAgent(agent: RunningAgent, code: number): Promise<void> {
  await agent.stop().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  process.exit(code);
}
