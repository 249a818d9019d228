import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { agentFailpoints } from '../src/failpoint.ts';
import { waitFor } from './agent-fixture.ts';
import { AgentProcess, isRunning, programs } from './agent-process.ts';
import { desiredModule } from './node-fixture.ts';

async function serving(): Promise<AgentProcess> {
  const agent = await AgentProcess.create();
  agent.start();
  agent.server.wish(1, desiredModule('greeter', 1, agent.release('r1', 100)));
  await waitFor(() => agent.server.observedGeneration === 1);
  return agent;
}

describe('wasm-edge-agent as processes', () => {
  it('starts a killed worker again, which serves under the same address before the server is reachable', async () => {
    await using agent = await serving();
    await agent.server.vanish();
    const first = agent.workerId;
    process.kill(first, 'SIGKILL');
    await waitFor(async () => agent.workerId !== first && (await agent.invoke('who')) === 'r1');
    expect(isRunning(first)).toBe(false);
    await agent.server.resume();
    await waitFor(() => agent.server.sessions.length === 1);
    expect(agent.server.registrations).toHaveLength(1);
  });

  it('survives a module that takes the whole worker down, again and again', async () => {
    await using agent = await serving();
    for (let i = 0; i < 3; i++) {
      expect(await agent.invoke('crash')).toBe('unreachable');
      await waitFor(async () => (await agent.invoke('who')) === 'r1');
    }
    expect(agent.stderr).toContain('SIGSEGV');
  });

  it('kills a worker that hangs and starts another one', async () => {
    await using agent = await serving();
    const first = agent.workerId;
    process.kill(first, 'SIGSTOP');
    await waitFor(async () => !isRunning(first) && (await agent.invoke('who')) === 'r1', 30_000);
    expect(agent.stderr).toContain('no sign of life');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with its worker on %s, once calls have ended', async (signal) => {
    await using agent = await serving();
    const worker = agent.workerId;
    const call = agent.invoke('slow');
    await waitFor(async () => (await agent.invoke('who')) === 'r1');
    agent.signal(signal);
    expect(await call).toBe('made it');
    expect(await agent.ended()).toBe(0);
    expect(isRunning(worker)).toBe(false);
  });

  it('leaves no orphan when the supervisor is killed', async () => {
    await using agent = await serving();
    const worker = agent.workerId;
    agent.signal('SIGKILL');
    expect(await agent.ended()).toBe('SIGKILL');
    await waitFor(() => !isRunning(worker));
  });

  it('ends with 78 and says what is wrong when the configuration is', async () => {
    await using agent = await AgentProcess.create(programs.real);
    agent.start({}, ['--max-modules', 'many']);
    expect(await agent.ended()).toBe(78);
    expect(agent.stderr).toContain('MaxModules');
  });

  it('ends with 78 and names its data directory when that cannot be written to', async () => {
    await using agent = await AgentProcess.create(programs.real);
    const file = join(agent.folder, 'a-file');
    await writeFile(file, '');
    agent.start({ HOTSWAP_AGENT_DATA_DIRECTORY: join(file, 'data') });
    expect(await agent.ended()).toBe(78);
    expect(agent.stderr).toContain(`DataDirectory ${join(file, 'data')} cannot be made or written to (ENOTDIR)`);
    expect(agent.stderr).not.toContain('    at ');
  });

  it('ends with 77 when the server does not let it in', async () => {
    await using agent = await AgentProcess.create();
    agent.server.joinToken = 'another';
    agent.start();
    expect(await agent.ended()).toBe(77);
  });

  it('ends with 77 when another agent takes over, and not by starting again', async () => {
    await using agent = await serving();
    agent.server.failing.set('heartbeat', 410);
    expect(await agent.ended()).toBe(77);
  });

  /** Two modules are swapped in the first generation and two in the second; either is written at least once. */
  const kills = agentFailpoints.flatMap((name) =>
    (name.startsWith('agent.swap') ? [1, 2, 3, 4] : [1, 2]).map((passage) => `${name}@${passage}`),
  );
  it.each(kills)(
    'killed at %s it serves the old release or the new one, never half, and never goes back',
    async (failpoint) => {
      await using agent = await AgentProcess.create();
      agent.start({ HOTSWAP_FAILPOINT: failpoint });
      const [a1, b1] = [agent.release('a1', 100), agent.release('b1', 100)];
      agent.server.wish(1, desiredModule('alpha', 1, a1), desiredModule('beta', 1, b1));
      await waitFor(() => agent.server.observedGeneration === 1);
      agent.server.wish(2, desiredModule('alpha', 2, agent.release('a2', 100)), desiredModule('beta', 2, b1));
      const answers = new Set<string>();
      await waitFor(async () => {
        const [alpha, beta] = [await agent.invoke('who', 'alpha'), await agent.invoke('who', 'beta')];
        answers.add(alpha).add(beta);
        return alpha === 'a2' && beta === 'b1' && agent.server.observedGeneration === 2;
      });
      expect([...answers].filter((answer) => !['a1', 'a2', 'b1', 'unreachable'].includes(answer))).toEqual([]);
      expect(agent.stderr).toContain('SIGKILL');
      const generations = agent.server.heartbeats.map(({ observed }) => observed.generation);
      expect(generations).toEqual([...generations].sort((x, y) => x - y));
    },
  );
});
