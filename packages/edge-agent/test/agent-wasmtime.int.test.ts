import { readFile } from 'node:fs/promises';
import { defaultHealthCheck, defaultResourceLimits, type DesiredModule, type DesiredRelease } from '@hotswap/core';
import { buildExampleModules, exampleModule, hostileModules, type HostileModule } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { agentFailpoints } from '../src/failpoint.ts';
import { waitFor } from './agent-fixture.ts';
import { AgentProcess, programs } from './agent-process.ts';
import { desiredModule, desiredRelease } from './node-fixture.ts';

const invokeHeaders = { 'content-type': 'application/json' };
/** Short, so that modules that never end do so soon. */
const hostileLimits = { ...defaultResourceLimits, maxExecutionTime: 'PT0.3S', maxMemoryMB: 64 };

interface Answer {
  readonly status: number;
  readonly body: {
    readonly result?: unknown;
    readonly code?: string;
    readonly exitCode?: number;
    readonly stdout?: string;
    readonly releaseId?: string;
  };
}

describe('wasm-edge-agent with Wasmtime', () => {
  beforeAll(() => buildExampleModules(), 120_000);

  async function started(env: Readonly<Record<string, string>> = {}): Promise<AgentProcess> {
    const agent = await AgentProcess.create(programs.real);
    agent.start(env);
    await waitFor(() => agent.server.heartbeats.length > 0, 20_000);
    return agent;
  }

  async function release(
    agent: AgentProcess,
    path: string,
    releaseId: string,
    weight: number,
    more: Partial<DesiredRelease> = {},
  ): Promise<DesiredRelease> {
    return desiredRelease({
      releaseId,
      weight,
      ...agent.server.store(`${releaseId}-v1.0.0`, await readFile(path)),
      ...more,
    });
  }

  async function example(agent: AgentProcess, name: string, version = '1.0.0', weight = 100): Promise<DesiredRelease> {
    return release(agent, exampleModule(name, version).path, `${name}-${version}`, weight);
  }

  async function applied(agent: AgentProcess, generation: number, ...modules: readonly DesiredModule[]): Promise<void> {
    agent.server.wish(generation, ...modules);
    await waitFor(() => agent.server.observedGeneration === generation, 30_000);
  }

  async function call(agent: AgentProcess, moduleName: string, fn: string, body: unknown = {}): Promise<Answer> {
    const answer = await fetch(`${agent.server.dataPlaneUrl}/invoke/${moduleName}/${encodeURIComponent(fn)}`, {
      method: 'POST',
      headers: { ...invokeHeaders, authorization: `Bearer ${await agent.server.invokeToken()}` },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Answer['body'] };
  }

  it('calls core modules, components and WASI commands by JSON', async () => {
    await using agent = await started();
    await applied(
      agent,
      1,
      desiredModule('adder', 1, await example(agent, 'adder')),
      desiredModule('greeter', 1, await example(agent, 'greeter')),
      desiredModule('wordcount', 1, await example(agent, 'wordcount-rust')),
      desiredModule('command', 1, await example(agent, 'wasi-command')),
    );
    expect(agent.server.heartbeats.at(-1)?.observed.releases.every(({ state }) => state === 'ready')).toBe(true);
    expect(await call(agent, 'adder', 'add', { args: [2, 40] })).toMatchObject({ status: 200, body: { result: 42 } });
    expect(await call(agent, 'greeter', 'greet', { args: ['Ada'] })).toMatchObject({
      status: 200,
      body: { result: 'Hello, Ada!' },
    });
    expect(await call(agent, 'wordcount', 'top_words', { args: ['B a b', 1] })).toMatchObject({
      body: { result: [{ word: 'b', count: 2 }] },
    });
    expect(
      await call(agent, 'command', 'run', { args: [], stdin: Buffer.from('hello').toString('base64') }),
    ).toMatchObject({ status: 200, body: { result: null } });
    expect(await call(agent, 'adder', 'add', { args: [2, 'x'] })).toMatchObject({ status: 400 });
    expect(await call(agent, 'adder', 'gone')).toMatchObject({
      status: 404,
      body: { code: 'HS_AGENT_UNKNOWN_FUNCTION' },
    });
  });

  it('tells a healthy release from an unhealthy one, and reports it at once', async () => {
    await using agent = await started();
    const probe = { round: 'd:1', check: { ...defaultHealthCheck, interval: 'PT0.05S' } };
    const [good, bad] = [await example(agent, 'greeter', '1.1.0', 100), await example(agent, 'greeter', '1.2.0', 0)];
    agent.server.wish(1, desiredModule('greeter', 1, { ...good, probe }, { ...bad, probe }));
    await waitFor(
      () =>
        agent.server.observed('greeter-1.1.0')?.health?.state === 'healthy' &&
        agent.server.observed('greeter-1.2.0')?.health?.state === 'unhealthy',
      30_000,
    );
    expect(agent.server.observed('greeter-1.2.0')?.health).toMatchObject({ round: 'd:1', consecutiveSuccesses: 0 });
  });

  it('swaps under load without dropping a call', async () => {
    await using agent = await started();
    const versions = ['1.0.0', '1.1.0'] as const;
    await applied(agent, 1, desiredModule('adder', 1, await example(agent, 'adder')));
    let isDone = false;
    const answers: Answer[] = [];
    const callers = Array.from({ length: 4 }, async () => {
      while (!isDone) answers.push(await call(agent, 'adder', 'add', { args: [2, 40] }));
    });
    for (let generation = 2; generation <= 21; generation++) {
      await applied(
        agent,
        generation,
        desiredModule('adder', generation, await example(agent, 'adder', versions[(generation - 1) % 2])),
      );
    }
    isDone = true;
    await Promise.all(callers);
    expect(answers.filter(({ status, body }) => status !== 200 || body.result !== 42)).toEqual([]);
    expect(new Set(answers.map(({ body }) => body.releaseId)).size).toBe(2);
  });

  it.each(agentFailpoints)('killed at %s it comes back with a whole release and reaches the new one', async (name) => {
    await using agent = await AgentProcess.create(programs.real);
    agent.start({ HOTSWAP_FAILPOINT: `${name}@${name.startsWith('agent.swap') ? 3 : 2}` });
    const other = desiredModule('other', 1, await example(agent, 'counter'));
    await applied(agent, 1, desiredModule('adder', 1, await example(agent, 'adder')), other);
    agent.server.wish(2, desiredModule('adder', 2, await example(agent, 'adder', '1.1.0')), other);
    const seen = new Set<string>();
    await waitFor(async () => {
      const answer = await call(agent, 'adder', 'add', { args: [2, 40] }).catch(() => undefined);
      if (answer !== undefined) seen.add(`${String(answer.body.releaseId)} ${String(answer.body.result)}`);
      return agent.server.observedGeneration === 2 && answer?.body.releaseId === 'adder-1.1.0';
    }, 30_000);
    expect([...seen].filter((answer) => answer !== 'adder-1.0.0 42' && answer !== 'adder-1.1.0 42')).toEqual([]);
    expect(agent.stderr).toContain('SIGKILL');
  });

  describe('contains hostile modules while a neighbour keeps answering', () => {
    it('each of them, in one worker', { timeout: 180_000 }, async () => {
      await using agent = await started();
      const neighbour = desiredModule('neighbour', 1, await example(agent, 'adder'));
      await applied(agent, 1, neighbour);
      const worker = agent.workerId;
      let isDone = false;
      const answers: Answer[] = [];
      const calling = (async () => {
        while (!isDone) {
          answers.push(await call(agent, 'neighbour', 'add', { args: [2, 40] }));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      const surprises: string[] = [];
      for (const [i, hostile] of hostileModules.entries()) {
        const surprise = await meet(agent, hostile, i + 2, neighbour);
        if (surprise !== undefined) surprises.push(`${hostile.id}: ${surprise}`);
      }
      isDone = true;
      await calling;
      expect(surprises).toEqual([]);
      expect(answers.filter(({ status, body }) => status !== 200 || body.result !== 42)).toEqual([]);
      expect(agent.workerId).toBe(worker);
    });
  });

  /** Loads and calls one hostile module. @returns what happened instead of what must happen */
  async function meet(
    agent: AgentProcess,
    hostile: HostileModule,
    generation: number,
    neighbour: DesiredModule,
  ): Promise<string | undefined> {
    const releaseId = `hostile-${hostile.id}`;
    await applied(
      agent,
      generation,
      neighbour,
      desiredModule(
        'hostile',
        generation,
        await release(agent, hostile.path, releaseId, 100, { resourceLimits: hostileLimits }),
      ),
    );
    const observed = agent.server.observed(releaseId);
    const { expected } = hostile;
    const codes = expected.outcome === 'error' ? expected.codes : [];
    if (observed?.state === 'failed')
      return codes.includes(observed.error?.code ?? '')
        ? undefined
        : `load failed with ${String(observed.error?.code)}`;
    if (hostile.phase === 'inspect' || hostile.phase === 'load') return 'it was loaded';
    const { status, body } = await call(agent, 'hostile', hostile.function ?? 'run', { args: hostile.args ?? [] });
    if (expected.outcome === 'error')
      return codes.includes(body.code ?? '') ? undefined : `answered ${status} ${String(body.code)}`;
    if (expected.outcome === 'exit')
      return body.exitCode === expected.exitCode ? undefined : `answered ${status} exit ${String(body.exitCode)}`;
    return status === 200 ? undefined : `answered ${status} ${String(body.code)}`;
  }
});
