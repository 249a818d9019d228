import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { composeAgent } from '../src/compose.ts';
import { AgentFixture, waitFor } from './agent-fixture.ts';
import { FakeRuntimeHost } from './fake-runtime-host.ts';
import { desiredModule } from './node-fixture.ts';

describe('ServerConnection', () => {
  it('joins once with its token, keeps the credential for itself, and opens a session at the next start', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    await waitFor(() => fixture.server.heartbeats.length > 0);
    expect(fixture.server.registrations).toHaveLength(1);
    expect(fixture.server.registrations[0]).toMatchObject({
      nodeId: 'edge-1',
      region: 'eu-central',
      runtimeVersion: '1.0.0',
      publicKey: { kty: 'OKP', crv: 'Ed25519' },
    });
    expect(fixture.server.registrations[0]?.publicKey).not.toHaveProperty('d');
    for (const name of ['credential.json', 'node-key.json'])
      expect((await stat(join(fixture.folder, name))).mode & 0o777).toBe(0o600);
    await fixture.agent?.stop();

    fixture.runtime = new FakeRuntimeHost();
    fixture.server.joinToken = 'used up';
    await fixture.start();
    await waitFor(() => fixture.server.sessions.length === 1);
    expect(fixture.server.registrations).toHaveLength(1);
  });

  it('applies what the server wishes and reports it at once', async () => {
    await using fixture = await AgentFixture.create();
    fixture.server.heartbeatIntervalMs = 60_000;
    await fixture.start();
    fixture.server.wish(1, desiredModule('greeter', 1, fixture.release('r1', 100)));
    await waitFor(() => fixture.server.observedGeneration === 1);
    expect(fixture.server.observed('r1')).toMatchObject({ state: 'ready' });
    fixture.server.wish(2, desiredModule('greeter', 1, fixture.release('r1', 50), fixture.release('r2', 50)));
    await waitFor(() => fixture.server.observedGeneration === 2);
    expect(fixture.runtime.slots.serving('greeter')).toEqual(['r1:50', 'r2:50']);
  });

  it('goes on with the generation it has when a stream is cut', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    fixture.server.wish(4, desiredModule('greeter', 1, fixture.release('r1', 100)));
    await waitFor(() => fixture.server.observedGeneration === 4);
    fixture.server.cutStreams();
    await waitFor(() => fixture.server.streams === 1);
    expect(fixture.server.lastEventIds).toEqual(['0', '4']);
    fixture.server.wish(5);
    await waitFor(() => fixture.server.observedGeneration === 5);
  });

  it('serves on while the server is away, and tells everything once when it is back', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { hi: () => 'hello' } });
    await fixture.server.vanish();
    for (let i = 0; i < 20; i++) expect((await fixture.invoke('hi')).status).toBe(200);
    await fixture.server.resume();
    await waitFor(() => fixture.server.calls.get('r1')?.calls === 20);
    await waitFor(() => fixture.server.streams === 1);
  });

  it('serves from disk before the server is reachable', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { hi: () => 'hello' } });
    await fixture.agent?.stop();
    await fixture.server.vanish();
    fixture.runtime = new FakeRuntimeHost();
    fixture.release('r1', 100, { functions: { hi: () => 'still here' } });
    await fixture.start();
    expect((await fixture.invoke('hi')).body['result']).toBe('still here');
    await fixture.server.resume();
    await waitFor(() => fixture.server.sessions.length === 1);
  });

  it('comes to an end when another agent has taken over its name', async () => {
    await using fixture = await AgentFixture.create();
    const agent = await fixture.start();
    await waitFor(() => fixture.server.heartbeats.length > 0);
    fixture.server.failing.set('heartbeat', 410);
    expect(await agent.ended).toMatchObject({ code: 'HS_AGENT_SUPERSEDED' });
  });

  it('comes to an end when it was never let in', async () => {
    await using fixture = await AgentFixture.create();
    fixture.server.joinToken = 'another';
    const agent = await fixture.start();
    expect(await agent.ended).toMatchObject({ code: 'HS_AGENT_NOT_REGISTERED' });
    expect(fixture.events.topics()).toContain('agent.join-refused');
  });

  it('joins anew with a fresh token when its credential is not accepted any more, serving meanwhile', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { hi: () => 'hello' } });
    fixture.server.credential = 'credential-2';
    fixture.server.joinToken = 'join-1';
    await waitFor(() => fixture.server.registrations.length === 2);
    expect((await fixture.invoke('hi')).status).toBe(200);
    const before = fixture.server.heartbeats.length;
    await waitFor(() => fixture.server.heartbeats.length > before);
    expect(JSON.parse(await readFile(join(fixture.folder, 'credential.json'), 'utf8'))).toMatchObject({
      credential: 'credential-2',
    });
  });

  it('serves on without knocking again with a token that was refused', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { hi: () => 'hello' } });
    fixture.server.credential = 'credential-2';
    fixture.server.joinToken = 'join-2';
    await waitFor(() => fixture.server.attempts.filter((kind) => kind === 'session').length >= 3);
    expect(fixture.server.attempts.filter((kind) => kind === 'register')).toHaveLength(2);
    expect((await fixture.invoke('hi')).status).toBe(200);
  });

  it('joins anew when its credential file is damaged', async () => {
    await using fixture = await AgentFixture.create();
    await writeFile(join(fixture.folder, 'credential.json'), '{"nodeId":"edge-');
    await fixture.start();
    await waitFor(() => fixture.server.registrations.length === 1);
  });

  it('goes on with a credential that the disk does not take', async () => {
    await using fixture = await AgentFixture.create();
    // No file can be put in its place, whoever the user of the agent is.
    await mkdir(join(fixture.folder, 'credential.json'));
    await fixture.serving({ functions: { hi: () => 'hello' } });
    expect((await fixture.invoke('hi')).status).toBe(200);
    expect(fixture.server.registrations).toHaveLength(1);
    expect(fixture.events.topics()).toContain('agent.credential-not-stored');
    fixture.server.cutStreams();
    fixture.server.failing.set('heartbeat', 401);
    await waitFor(() => fixture.server.sessions.length > 0);
    fixture.server.failing.delete('heartbeat');
    expect(fixture.server.registrations).toHaveLength(1);
  });

  it('writes nothing when a session brings nothing new', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    await waitFor(() => fixture.server.heartbeats.length > 0);
    const before = await stat(join(fixture.folder, 'credential.json'));
    await fixture.agent?.stop();
    fixture.runtime = new FakeRuntimeHost();
    await fixture.start();
    const known = fixture.server.heartbeats.length;
    await waitFor(() => fixture.server.heartbeats.length > known);
    expect(fixture.server.sessions).toHaveLength(1);
    expect((await stat(join(fixture.folder, 'credential.json'))).mtimeMs).toBe(before.mtimeMs);
  });

  it('does not hurry from session to session when none of them may follow what the server wishes', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { hi: () => 'hello' } });
    const sessions = (): number => fixture.server.attempts.filter((kind) => kind === 'session').length;
    fixture.server.failing.set('desired', 403);
    fixture.server.cutStreams();
    await waitFor(() => sessions() > 0);
    const before = fixture.server.heartbeats.length;
    await waitFor(() => fixture.server.heartbeats.length >= before + 10);
    // Heartbeats come five times a second; a loop without waits opens hundreds of sessions meanwhile.
    expect(sessions()).toBeLessThan(50);
    fixture.server.failing.delete('desired');
    await waitFor(() => fixture.server.streams === 1);
    expect((await fixture.invoke('hi')).status).toBe(200);
  });

  it('goes on by range with bytes that break off on the way', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    fixture.server.cutBinariesAfter = 10;
    const r1 = fixture.release('release-with-a-long-name', 100);
    fixture.server.wish(1, desiredModule('greeter', 1, r1));
    await waitFor(() => fixture.server.observed(r1.releaseId)?.state === 'ready');
    expect(fixture.server.binaryReads).toEqual(['', 'bytes=10-', 'bytes=20-', 'bytes=30-']);
  });

  it('makes a new stream when the open one keeps back what the server says elsewhere', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    fixture.server.wish(1);
    await waitFor(() => fixture.server.observedGeneration === 1);
    fixture.server.isMute = true;
    fixture.server.wish(2);
    fixture.server.isMute = false;
    await waitFor(() => fixture.server.observedGeneration === 2);
    expect(fixture.server.lastEventIds).toEqual(['0', '1']);
  });

  it('tries a pull again that the server cannot answer now, and reports one that it refuses', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    fixture.server.failing.set('binary', 503);
    fixture.server.wish(1, desiredModule('greeter', 1, fixture.release('r1', 100)));
    await waitFor(() => fixture.server.observed('r1')?.state === 'loading');
    fixture.server.failing.delete('binary');
    await waitFor(() => fixture.server.observed('r1')?.state === 'ready');
    fixture.server.failing.set('binary', 403);
    fixture.server.wish(2, desiredModule('greeter', 1, fixture.release('r1', 100), fixture.release('r2', 0)));
    await waitFor(() => fixture.server.observed('r2')?.state === 'failed');
    expect(fixture.server.observed('r2')?.error?.code).toBe('HS_AGENT_PULL_REFUSED');
    expect(fixture.runtime.slots.serving('greeter')).toEqual(['r1:100']);
  });

  it('takes its last port again when that is free, and another one when it is not', async () => {
    await using fixture = await AgentFixture.create();
    const { port } = await fixture.start();
    await using second = await composeAgent(fixture.config(), {
      runtime: new FakeRuntimeHost(),
      events: fixture.events,
      preferredPort: port,
    });
    await second.start();
    expect(second.port).not.toBe(port);
    await fixture.agent?.stop();
    await using third = await composeAgent(fixture.config(), {
      runtime: new FakeRuntimeHost(),
      events: fixture.events,
      preferredPort: port,
    });
    await third.start();
    expect(third.port).toBe(port);
  });
});
