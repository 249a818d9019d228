#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { isHotSwapError } from '@hotswap/core';
import { agentVersion } from './agent-version.ts';
import { agentUsage, loadAgentConfig, type AgentCommand } from './config/load-agent-config.ts';
import { exitCodes } from './process/exit-codes.ts';
import { WorkerSupervisor } from './process/worker-supervisor.ts';

/** The supervisor: no native code, no sockets, nothing that a module could break. */
async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const { kind } = readCommand(args);
  if (kind === 'help') return print(agentUsage());
  if (kind === 'version') return print(`${agentVersion}\n`);
  const supervisor = new WorkerSupervisor({
    program: fileURLToPath(new URL(`./worker${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)),
    args,
    log: (message) => process.stderr.write(`${JSON.stringify({ level: 40, time: Date.now(), msg: message })}\n`),
  });
  return supervisor.runUntilSignal();
}

/** A wrong configuration is told here, before a process is started for it. */
function readCommand(args: readonly string[]): AgentCommand {
  try {
    return loadAgentConfig(args, process.env);
  } catch (error) {
    process.stderr.write(`${isHotSwapError(error) ? error.message : String(error)}\n`);
    process.exit(exitCodes.configuration);
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return exitCodes.stopped;
}

process.exit(await main());
