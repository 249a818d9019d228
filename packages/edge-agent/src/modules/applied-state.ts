import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DesiredModule, DesiredRelease, EventSink } from '@hotswap/core';
import { writeFileAtomically } from '../atomic-file.ts';
import { noAgentFailpoint, type AgentFailpoint } from '../failpoint.ts';
import type { ModuleVersions } from './kept-versions.ts';

/** One module as it is in force on the node. @internal */
export interface AppliedModule {
  readonly desired: DesiredModule;
  /** What really takes traffic, when no release that should could be loaded; absent: what `desired` says. */
  readonly kept?: readonly DesiredRelease[];
  /** Versions that stay in the cache; absent in files of agents that kept none. */
  readonly versions?: ModuleVersions;
}

/** What a node has applied: enough to serve again without the server. @internal */
export interface AppliedState {
  readonly nodeId: string;
  /** Highest generation that was applied completely. */
  readonly generation: number;
  readonly heartbeatIntervalMs: number;
  readonly modules: readonly AppliedModule[];
  /** Highest epoch applied per module name, of modules that are gone too: the fence has to outlive them. */
  readonly epochs: Readonly<Record<string, number>>;
}

const formatVersion = 1;

/**
 * The applied state on disk. Written atomically with a checksum; whatever does not verify is ignored, since the server
 * has the truth and sends it again.
 * @internal
 */
export class AppliedStateFile {
  readonly #path: string;
  readonly #events: EventSink;
  readonly #failpoint: AgentFailpoint;
  #latest: AppliedState | undefined;
  #writing: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  constructor(path: string, events: EventSink, failpoint: AgentFailpoint = noAgentFailpoint) {
    this.#path = path;
    this.#events = events;
    this.#failpoint = failpoint;
  }

  /** The state of this node, or `undefined` when there is none that verifies. Never throws. */
  async read(nodeId: string): Promise<AppliedState | undefined> {
    let content: Buffer;
    try {
      content = await readFile(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#ignored(nodeId, 'it cannot be read');
      return undefined;
    }
    const state = parseAppliedState(content);
    if (state?.nodeId === nodeId) return state;
    this.#ignored(nodeId, state === undefined ? 'it does not verify' : 'it belongs to another node');
    return undefined;
  }

  /**
   * Writes a state; resolves when it, or a later one, is on disk. Writes are coalesced: while one runs, only the latest
   * of those that come meanwhile follows.
   */
  write(state: AppliedState): Promise<void> {
    this.#latest = state;
    if (this.#writing === undefined) return this.#writeLatest();
    this.#queued ??= this.#writing.then(
      () => this.#writeLatest(),
      () => this.#writeLatest(),
    );
    return this.#queued;
  }

  #writeLatest(): Promise<void> {
    this.#queued = undefined;
    this.#writing = this.#replace(formatAppliedState(this.#latest as AppliedState)).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #replace(content: string): Promise<void> {
    this.#failpoint('agent.applied.before-write');
    await writeFileAtomically(this.#path, content);
    this.#failpoint('agent.applied.after-write');
  }

  #ignored(nodeId: string, why: string): void {
    this.#events.emit({ topic: 'agent.applied-state-ignored', tenant: 'default', subject: nodeId, facts: { why } });
  }
}

/** Checksum line and JSON. @internal */
export function formatAppliedState(state: AppliedState): string {
  const text = JSON.stringify({ format: formatVersion, ...state });
  return `${sha256(text)}\n${text}\n`;
}

/** The state that the bytes hold, or `undefined` for anything but a whole file of a known format. @internal */
export function parseAppliedState(content: Uint8Array): AppliedState | undefined {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8');
  if (text.at(64) !== '\n' || !text.endsWith('\n')) return undefined;
  const body = text.slice(65, -1);
  if (sha256(body) !== text.slice(0, 64)) return undefined;
  const parsed = JSON.parse(body) as AppliedState & { readonly format: number };
  if (parsed.format !== formatVersion) return undefined;
  const { nodeId, generation, heartbeatIntervalMs, modules, epochs } = parsed;
  return { nodeId, generation, heartbeatIntervalMs, modules, epochs };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
