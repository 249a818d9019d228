import { randomBytes } from 'node:crypto';
import type { HttpOutputRecord } from '@hotswap/core';
import {
  shownLine,
  type NodeLogBatch,
  type NodeLogLevel,
  type NodeLogRead,
  type NodeLogStream,
} from '@hotswap/protocol';
import { agentError } from '../error-codes.ts';
import type { HttpCalls } from '../metrics/http-call-counts.ts';
import { LogRing } from './log-ring.ts';
import { shownLines } from './shown-line.ts';

/** Lines gather for that long before who waits for them is answered: not an answer for each line. */
const gatherMs = 50;
const maxReaders = 64;
/** Of one stream of one call, its head. */
const maxCallBytes = 64 * 1_024;
/**
 * Of one module: some 20 ms of this thread. Heartbeats and calls wait while lines are taken, and empty ones cost as much as others:
 * the megabyte that a module may log in a second could be a million of them.
 */
const maxLinesPerSecond = 32_768;
/** How often the log says of one release that output was dropped. */
const droppedPauseMs = 1_000;
/** Releases whose versions are remembered after they are gone. */
const maxVersions = 2_000;

/** What a line is about. @internal */
export interface LogSubject {
  readonly moduleName: string;
  /** `null`: the module, not one release of it. */
  readonly releaseId: string | null;
  readonly version: string | null;
}

/** The part that those who write to the log need. @internal */
export interface ModuleLog {
  /** What became of a module on this node. */
  note(subject: LogSubject, level: NodeLogLevel, text: string): void;
  /** What a call of the release wrote. */
  output(subject: LogSubject, output: GuestOutput): void;
}

/** @internal */
export interface GuestOutput {
  readonly stdout?: Uint8Array | string | undefined;
  readonly stderr?: Uint8Array | string | undefined;
  /** Written, but not kept. */
  readonly droppedBytes?: number | undefined;
}

interface Dropped {
  readonly subject: LogSubject;
  bytes: number;
}

/**
 * What modules write on this node and what becomes of them, in memory: the last lines, for whoever asks the server.
 * @internal
 */
export class NodeLog implements ModuleLog {
  readonly #ring: LogRing;
  readonly #waiting = new Set<() => void>();
  readonly #versions = new Map<string, string>();
  readonly #dropped = new Map<string, Dropped>();
  /** Lines of each module since then. */
  readonly #written = new Map<string, number>();
  #writtenSinceMs = 0;
  #gathering: NodeJS.Timeout | undefined;
  #tellingDropped: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(limits: { readonly maxBytes: number; readonly maxLines: number }) {
    this.#ring = new LogRing({ ...limits, id: randomBytes(4).toString('hex') });
  }

  note(subject: LogSubject, level: NodeLogLevel, text: string): void {
    this.#remember(subject);
    for (const line of text.split('\n')) this.#append(subject, 'agent', level, shownLine(line));
  }

  output(subject: LogSubject, { stdout, stderr, droppedBytes = 0 }: GuestOutput): void {
    const lost = this.#stream(subject, 'stdout', stdout) + this.#stream(subject, 'stderr', stderr);
    this.#drop(subject, lost + droppedBytes);
  }

  /** What modules wrote while they answered HTTP; the runtime has made lines of it. */
  http(records: readonly HttpOutputRecord[]): void {
    for (const { at, slot: moduleName, version: releaseId, stream, lines, droppedBytes } of records) {
      const subject = { moduleName, releaseId, version: this.#versions.get(releaseId) ?? null };
      const kept = lines.slice(0, this.#linesLeft(moduleName));
      for (const line of kept) this.#append(subject, stream, levelOfLine(stream, line), shownLine(line), at);
      this.#count(moduleName, kept.length);
      const lost = lines.slice(kept.length).reduce((bytes, line) => bytes + line.length + 1, 0);
      this.#drop(subject, lost + droppedBytes);
    }
  }

  /** Requests that crashed on the runtime's own threads: it counts them and tells of none. */
  httpCrashes({ moduleName, releaseId, crashes }: Pick<HttpCalls, 'moduleName' | 'releaseId' | 'crashes'>): void {
    const subject = { moduleName, releaseId, version: this.#versions.get(releaseId) ?? null };
    const what = crashes === 1 ? 'an HTTP request' : `${crashes.toLocaleString('en')} HTTP requests`;
    this.note(subject, 'error', `${what} trapped or ran out of time`);
  }

  /**
   * Reads, or waits for something to read.
   * @throws HS_AGENT_TOO_MANY_READERS
   */
  async read({ waitMs, ...reading }: NodeLogRead, signal: AbortSignal): Promise<NodeLogBatch> {
    if (waitMs > 0 && !this.#ring.hasAfter(reading)) {
      if (this.#waiting.size >= maxReaders) throw agentError('HS_AGENT_TOO_MANY_READERS', { limit: maxReaders });
      const until = performance.now() + waitMs;
      while (!this.#isClosed && !signal.aborted && !this.#ring.hasAfter(reading)) {
        const leftMs = until - performance.now();
        if (leftMs <= 0) break;
        await this.#wait(leftMs, signal);
      }
    }
    return this.#ring.read(reading);
  }

  /** Answers whoever waits; nobody waits from now on. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#gathering);
    clearTimeout(this.#tellingDropped);
    this.#wake();
  }

  #stream(subject: LogSubject, stream: 'stdout' | 'stderr', output: Uint8Array | string | undefined): number {
    if (output === undefined || output.length === 0) return 0;
    const bytes = typeof output === 'string' ? Buffer.from(output) : output;
    const { lines, readBytes } = shownLines(bytes.subarray(0, maxCallBytes), this.#linesLeft(subject.moduleName));
    for (const line of lines) this.#append(subject, stream, levelOfLine(stream, line), line);
    this.#count(subject.moduleName, lines.length);
    return bytes.byteLength - readBytes;
  }

  #linesLeft(moduleName: string): number {
    const nowMs = performance.now();
    if (nowMs - this.#writtenSinceMs >= 1_000) {
      this.#writtenSinceMs = nowMs;
      this.#written.clear();
    }
    return maxLinesPerSecond - (this.#written.get(moduleName) ?? 0);
  }

  #count(moduleName: string, lines: number): void {
    this.#written.set(moduleName, (this.#written.get(moduleName) ?? 0) + lines);
  }

  #append(
    subject: LogSubject,
    stream: NodeLogStream,
    level: NodeLogLevel,
    text: string,
    at: number = Date.now(),
  ): void {
    const { moduleName, releaseId, version } = subject;
    this.#ring.append({ at, moduleName, releaseId, version, level, stream, text });
    if (this.#waiting.size > 0) this.#gathering ??= setTimeout(() => this.#wake(), gatherMs);
  }

  /** Says it at once, then once a second at most. */
  #drop(subject: LogSubject, bytes: number): void {
    if (bytes === 0) return;
    const key = JSON.stringify([subject.moduleName, subject.releaseId]);
    const known = this.#dropped.get(key);
    if (known !== undefined) {
      known.bytes += bytes;
      return;
    }
    this.#dropped.set(key, { subject, bytes: 0 });
    this.#tellDropped(subject, bytes);
    this.#tellingDropped ??= setTimeout(() => this.#tellAllDropped(), droppedPauseMs).unref();
  }

  #tellAllDropped(): void {
    this.#tellingDropped = undefined;
    const all = [...this.#dropped.values()];
    this.#dropped.clear();
    for (const { subject, bytes } of all) if (bytes > 0) this.#tellDropped(subject, bytes);
  }

  #tellDropped(subject: LogSubject, bytes: number): void {
    const text = `${bytes.toLocaleString('en')} bytes of its output were dropped: more than is kept of one call, or than it may log in a second`;
    this.#append(subject, 'agent', 'warn', text);
  }

  #remember({ releaseId, version }: LogSubject): void {
    if (releaseId === null || version === null || this.#versions.has(releaseId)) return;
    const oldest = this.#versions.size >= maxVersions ? this.#versions.keys().next().value : undefined;
    if (oldest !== undefined) this.#versions.delete(oldest);
    this.#versions.set(releaseId, version);
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    this.#gathering = undefined;
    for (const done of this.#waiting) done();
  }
}

/** Levels as loggers write them at the beginning of a line, those of `wasi:logging` among them. */
const saidLevel = /^\[?(?:(TRACE|DEBUG)|(INFO|NOTICE)|(WARN|WARNING)|(ERROR|CRITICAL|FATAL))\b/;

/** What a line on standard error says of itself; else by its stream. */
function levelOfLine(stream: 'stdout' | 'stderr', line: string): NodeLogLevel {
  if (stream === 'stdout') return 'info';
  const [, debug, info, warn, error] = saidLevel.exec(line) ?? [];
  if (debug !== undefined) return 'debug';
  if (info !== undefined) return 'info';
  return warn === undefined && error !== undefined ? 'error' : 'warn';
}
