import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invokeHeaders } from '@hotswap/protocol';
import { composeAgent } from '../src/compose.ts';
import type { AgentConfig } from '../src/config/agent-config.ts';
import { loadAgentConfig } from '../src/config/load-agent-config.ts';
import type { EdgeAgent } from '@hotswap/edge-agent';
import { FakeRuntimeHost, type FakeModule } from './fake-runtime-host.ts';
import { FakeServer } from './fake-server.ts';
import { RecordingEvents, desiredModule, desiredRelease } from './node-fixture.ts';
import type { DesiredRelease } from '@hotswap/core';

/** A whole agent in this process with a fake runtime, and a fake server over real HTTP. */
export class AgentFixture implements AsyncDisposable {
  readonly folder: string;
  readonly server: FakeServer;
  runtime: FakeRuntimeHost = new FakeRuntimeHost();
  readonly events: RecordingEvents = new RecordingEvents();
  agent: EdgeAgent | undefined;

  private constructor(folder: string, server: FakeServer) {
    this.folder = folder;
    this.server = server;
  }

  static async create(): Promise<AgentFixture> {
    return new AgentFixture(await mkdtemp(join(tmpdir(), 'hotswap-agent-')), await FakeServer.start());
  }

  config(flags: Readonly<Record<string, string>> = {}): AgentConfig {
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    const command = loadAgentConfig(args, {
      HOTSWAP_AGENT_NODE_ID: 'edge-1',
      HOTSWAP_AGENT_REGION: 'eu-central',
      HOTSWAP_AGENT_ORCHESTRATOR_API_URL: this.server.url,
      HOTSWAP_AGENT_DATA_DIRECTORY: this.folder,
      HOTSWAP_AGENT_JOIN_TOKEN: 'join-1',
      HOTSWAP_AGENT_LOG_LEVEL: 'silent',
      HOTSWAP_AGENT_DRAIN_GRACE: 'PT0.02S',
    });
    return (command as Extract<typeof command, { kind: 'run' }>).config;
  }

  async start(flags: Readonly<Record<string, string>> = {}): Promise<EdgeAgent> {
    this.agent = await composeAgent(this.config(flags), { runtime: this.runtime, events: this.events });
    await this.agent.start();
    return this.agent;
  }

  /** A module at the server and a release of it. */
  release(releaseId: string, weight: number, module: FakeModule = {}): DesiredRelease {
    const { bytes } = this.runtime.define(releaseId, module);
    return desiredRelease({ releaseId, weight, ...this.server.store(`${releaseId}-v1.0.0`, bytes) });
  }

  /** Starts, and serves one module with these functions. */
  async serving(module: FakeModule): Promise<void> {
    await this.start();
    this.server.wish(1, desiredModule('greeter', 1, this.release('r1', 100, module)));
    await waitFor(() => this.server.observedGeneration === 1);
  }

  async invoke(
    fn: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    moduleName = 'greeter',
  ): Promise<{ status: number; body: Record<string, unknown>; type: string | null }> {
    const answer = await fetch(`${this.agent?.dataPlaneUrl ?? ''}/invoke/${moduleName}/${encodeURIComponent(fn)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await this.server.invokeToken()}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return {
      status: answer.status,
      body: (await answer.json()) as Record<string, unknown>,
      type: answer.headers.get('content-type'),
    };
  }

  pinned(releaseId: string): Readonly<Record<string, string>> {
    return { [invokeHeaders.release]: releaseId };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent?.stop();
    await this.server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Waits for a condition; the deadline only bounds a test that fails. */
export async function waitFor(condition: () => boolean | Promise<boolean>, deadlineMs = 8_000): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error('the condition was not met in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
