import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from './agent-fixture.ts';
import { FakeServer } from './fake-server.ts';
import { desiredRelease } from './node-fixture.ts';
import type { DesiredRelease } from '@hotswap/core';

/** Programs that can be started. */
export const programs: { readonly real: string; readonly fake: string } = {
  /** The real one. */
  real: fileURLToPath(new URL('../src/main.ts', import.meta.url)),
  /** The same with a fake runtime in its worker. */
  fake: fileURLToPath(new URL('./fixtures/fake-runtime-main.ts', import.meta.url)),
};

/** A supervisor and its worker as real processes, and a fake server. */
export class AgentProcess implements AsyncDisposable {
  readonly folder: string;
  readonly server: FakeServer;
  readonly #program: string;
  #supervisor: ChildProcess | undefined;
  stderr = '';

  private constructor(folder: string, server: FakeServer, program: string) {
    this.folder = folder;
    this.server = server;
    this.#program = program;
  }

  static async create(program: string = programs.fake): Promise<AgentProcess> {
    return new AgentProcess(await mkdtemp(join(tmpdir(), 'hotswap-agent-')), await FakeServer.start(), program);
  }

  get supervisorId(): number {
    return this.#supervisor?.pid ?? 0;
  }

  /** The worker that runs now; 0 when none does. */
  get workerId(): number {
    return childrenOf(this.supervisorId)[0] ?? 0;
  }

  start(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []): void {
    const settings = {
      HOTSWAP_AGENT_NODE_ID: 'edge-1',
      HOTSWAP_AGENT_REGION: 'eu-central',
      HOTSWAP_AGENT_ORCHESTRATOR_API_URL: this.server.url,
      HOTSWAP_AGENT_DATA_DIRECTORY: this.folder,
      HOTSWAP_AGENT_JOIN_TOKEN: 'join-1',
      HOTSWAP_AGENT_LOG_LEVEL: 'silent',
      HOTSWAP_AGENT_DRAIN_GRACE: 'PT0.1S',
    };
    const supervisor = spawn(process.execPath, ['--conditions=@hotswap/source', this.#program, ...args], {
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...settings, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    supervisor.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#supervisor = supervisor;
  }

  /** Waits for the supervisor's end. @returns its exit code, or the signal */
  async ended(): Promise<number | string> {
    const supervisor = this.#supervisor as ChildProcess;
    if (supervisor.exitCode === null && supervisor.signalCode === null)
      await new Promise((resolve) => supervisor.once('exit', resolve));
    return supervisor.exitCode ?? supervisor.signalCode ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#supervisor?.kill(signal);
  }

  release(name: string, weight: number): DesiredRelease {
    return desiredRelease({ releaseId: name, weight, ...this.server.store(`${name}-v1.0.0`, Buffer.from(name)) });
  }

  /** @returns the result, or the code of the problem, or `unreachable` */
  async invoke(fn: string, moduleName = 'greeter', pin?: string): Promise<string> {
    try {
      const answer = await fetch(`${this.server.dataPlaneUrl}/invoke/${moduleName}/${fn}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await this.server.invokeToken()}`,
          ...(pin === undefined ? {} : { 'x-hotswap-release': pin }),
        },
        body: '{}',
      });
      const body = (await answer.json()) as { result?: string; code?: string };
      return String(body.result ?? body.code);
    } catch {
      return 'unreachable';
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#supervisor ?? { exitCode: 0, signalCode: null };
    if (exitCode === null && signalCode === null) {
      const worker = this.workerId;
      this.signal('SIGKILL');
      await this.ended();
      if (worker > 0) await waitFor(() => !isRunning(worker));
    }
    await this.server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export function isRunning(processId: number): boolean {
  try {
    // A process that has ended but was not waited for yet is a Z.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${processId}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function childrenOf(processId: number): readonly number[] {
  if (processId === 0) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((id) => {
      try {
        return new RegExp(`^PPid:\\s+${processId}$`, 'm').test(readFileSync(`/proc/${id}/status`, 'utf8'));
      } catch {
        return false;
      }
    });
}
