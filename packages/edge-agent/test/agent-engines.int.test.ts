import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { DesiredRelease } from '@hotswap/core';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import type { NodeLogBatch } from '@hotswap/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './agent-fixture.ts';
import { AgentProcess, programs } from './agent-process.ts';
import { desiredModule, desiredRelease } from './node-fixture.ts';

const script = fileURLToPath(new URL('../../../scripts/engines.mjs', import.meta.url));

/** What a node's environment needs for an engine, built and fetched once per machine. */
async function engineEnvironment(...args: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
  return JSON.parse(stdout) as Readonly<Record<string, string>>;
}

/** What the script ends with where the machine has no archive to fetch an engine's library from. */
const unavailableCode = 69;

/** The environment, or why this machine cannot have that engine; in CI, where `HOTSWAP_REQUIRE_ENGINES` is set, that is an error. */
async function optionalEngine(...args: readonly string[]): Promise<Readonly<Record<string, string>> | string> {
  try {
    return await engineEnvironment(...args);
  } catch (error) {
    const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
    if (code !== unavailableCode || process.env['HOTSWAP_REQUIRE_ENGINES'] !== undefined) throw error;
    return stderr?.trim().split('\n').at(-1) ?? 'it cannot be fetched';
  }
}

async function release(agent: AgentProcess, name: string): Promise<DesiredRelease> {
  const stored = agent.server.store(`${name}-v1.0.0`, await readFile(exampleModule(name).path));
  return desiredRelease({ releaseId: name, weight: 100, ...stored });
}

const call = (agent: AgentProcess, moduleName: string, fn: string, body: unknown): Promise<unknown> =>
  post(agent, `/invoke/${moduleName}/${fn}`, body);

async function post(agent: AgentProcess, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${agent.server.dataPlaneUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await agent.server.invokeToken()}` },
    body: JSON.stringify(body),
  });
  return await answer.json();
}

/** What a module wrote on the node, by its streams. */
async function written(agent: AgentProcess, moduleName: string): Promise<readonly string[]> {
  const { lines } = (await post(agent, '/node/logs', { module: moduleName, limit: 1_000, waitMs: 0 })) as NodeLogBatch;
  return lines.flatMap(({ stream, text }) => (stream === 'agent' ? [] : [`${stream}: ${text}`]));
}

/** Starts the node (again) and waits for its first word. */
async function started(agent: AgentProcess, env: Readonly<Record<string, string>>): Promise<void> {
  const before = agent.server.heartbeats.length;
  agent.start(env);
  await waitFor(() => agent.server.heartbeats.length > before, 30_000);
}

async function stopped(agent: AgentProcess): Promise<void> {
  agent.signal('SIGTERM');
  await agent.ended();
}

describe('a node whose engine is another one after a restart', () => {
  let engines: readonly (readonly [string, Readonly<Record<string, string>>])[];
  let wasmEdge: Readonly<Record<string, string>> | string;
  beforeAll(async () => {
    await buildExampleModules();
    wasmEdge = await optionalEngine('wasmedge', '0.14.1');
    engines = [
      ['wasmtime', {}],
      ...(typeof wasmEdge === 'string' ? [] : [['wasmedge', wasmEdge] as const]),
      ['wasmer', await engineEnvironment('wasmer')],
    ];
  }, 1_800_000);

  it('can be WasmEdge', ({ skip }) => {
    if (typeof wasmEdge === 'string') skip(wasmEdge);
    expect(engines.map(([name]) => name)).toContain('wasmedge');
  });

  it(
    'keeps its modules, serves them, has what they write in its log, and reports the engine that runs them',
    { timeout: 120_000 },
    async () => {
      await using agent = await AgentProcess.create(programs.real);
      const adder = await release(agent, 'adder');
      const command = await release(agent, 'wasi-command');
      const talker = await release(agent, 'talker');
      const reported: (string | undefined)[] = [];
      for (const [name, env] of engines) {
        await started(agent, { HOTSWAP_AGENT_RUNTIME: name, ...env });
        agent.server.wish(
          1,
          desiredModule('adder', 1, adder),
          desiredModule('command', 1, command),
          desiredModule('talker', 1, talker),
        );
        const all = ['adder', 'wasi-command', 'talker'];
        await waitFor(() => all.every((id) => agent.server.observed(id)?.state === 'ready'), 30_000);
        expect(await call(agent, 'adder', 'add', { args: [2, 40] })).toMatchObject({ result: 42, releaseId: 'adder' });
        const stdin = Buffer.from('hello').toString('base64');
        expect(await call(agent, 'command', 'run', { args: ['x'], stdin })).toMatchObject({ result: null });
        await call(agent, 'talker', 'say', { args: [2] });
        await call(agent, 'talker', 'crash', {});
        const said = ['stdout: line 0000000', 'stdout: line 0000001', 'stderr: last words'];
        expect(await written(agent, 'talker')).toEqual(said);
        const { runtime, runtimeVersion } = [...agent.server.registrations, ...agent.server.sessions].at(-1) ?? {};
        reported.push(runtime);
        expect(runtimeVersion).toMatch(/^\d+\.\d+\.\d+/);
        await stopped(agent);
      }
      expect(reported).toEqual(['wasmtime', 'wasmedge', 'wasmer']);
      // Pulled once each: the later engines found them on the node.
      expect(agent.server.binaryReads.length).toBe(3);
    },
  );

  it('refuses what its engine cannot run before any traffic moves', { timeout: 60_000 }, async () => {
    await using agent = await AgentProcess.create(programs.real);
    await started(agent, { HOTSWAP_AGENT_RUNTIME: 'Wasmer', ...engines[2]?.[1] });
    const adder = await release(agent, 'adder');
    agent.server.wish(1, desiredModule('adder', 1, adder));
    await waitFor(() => agent.server.observed('adder')?.state === 'ready', 30_000);
    const component = { ...(await release(agent, 'greeter')), weight: 100 };
    agent.server.wish(2, desiredModule('adder', 2, component));
    await waitFor(() => agent.server.observed('greeter')?.state === 'failed', 30_000);
    expect(agent.server.observed('greeter')).toMatchObject({ error: { code: 'HS_RUNTIME_UNSUPPORTED' } });
    expect(await call(agent, 'adder', 'add', { args: [2, 40] })).toMatchObject({ result: 42, releaseId: 'adder' });
  });

  it('does not start without the engine that it is told to run, and says what is missing', async () => {
    await using agent = await AgentProcess.create(programs.real);
    agent.start({ HOTSWAP_AGENT_RUNTIME: 'wasmer', HOTSWAP_WASMER_EXECUTABLE: '/nowhere/engine' });
    expect(await agent.ended()).not.toBe(0);
    expect(agent.stderr).toContain('/nowhere/engine');
  });
});
