import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { HotSwapError } from '@hotswap/core';
import {
  type HelloMessage,
  type RefusalMessage,
  type Reply,
  type ReplyMessage,
  protocolVersion,
} from './child-messages.ts';
import type { RequestMessage } from './child-messages.ts';
import { isGreeting, wrongInAnswer } from './answer-check.ts';
import { isLossOfChild, runtimeChildError } from './error-codes.ts';
import { errorOfFailure } from './error-of-failure.ts';
import type { EngineLaunch } from './engine-launch.ts';
import { type Frame, FrameReader, encodeFrame } from './frame-codec.ts';
import type { GuestOutput } from './guest-output.ts';
import { LeftBehindFile } from './left-behind-file.ts';

/** Time from the start of the program to its greeting; a library of 100 MB may come from a cold disk. */
const greetingDeadlineMs = 30_000;

/** What the page of a child is called there: the first after the standard streams. */
const pageDescriptor = 3;

interface Waiting {
  /** What is wrong with a frame, if it is not the one that is waited for. */
  readonly wrongIn: (frame: Frame) => string | undefined;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: HotSwapError) => void;
}

/**
 * One running child. It gets one request at a time, each with a number that its answer carries. A child that says anything
 * else is ended: nothing that it says later could be trusted.
 * @internal
 */
export class EngineProcess {
  readonly #launch: EngineLaunch;
  readonly #child: ChildProcess;
  readonly #reader = new FrameReader();
  readonly #exited: Promise<void>;
  #waiting: Waiting | undefined;
  /** Number of the last request. */
  #asked = 0;
  #ended: HotSwapError | undefined;
  #killed = false;
  #page: LeftBehindFile | undefined = LeftBehindFile.create();
  #leftBehind: GuestOutput | undefined;

  private constructor(launch: EngineLaunch) {
    this.#launch = launch;
    const [program = '', ...args] = launch.command;
    // Guests must not find this process's environment; what the library needs is named.
    const limits = [String(launch.maxProcessMemoryBytes)];
    const page = this.#page?.descriptor;
    this.#child = spawn(program, [...args, ...limits, ...(page === undefined ? [] : [String(pageDescriptor)])], {
      stdio: ['pipe', 'pipe', 'inherit', ...(page === undefined ? [] : [page])],
      env: { ...launch.environment },
    });
    this.#child.on('error', (error) =>
      this.#end(`it did not start: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`),
    );
    (this.#child.stdout as Readable).on('data', (piece: Buffer) => this.#take(piece));
    // A broken pipe is seen as the exit that follows it.
    (this.#child.stdin as Writable).on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#end(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
        resolve();
      });
    });
  }

  /** Starts a child and waits for its greeting. @throws HS_RUNTIME_CHILD_FAILED, and what the launch makes of a refusal */
  static async start(launch: EngineLaunch): Promise<{ readonly process: EngineProcess; readonly hello: HelloMessage }> {
    const process = new EngineProcess(launch);
    const deadline = setTimeout(() => process.kill(), greetingDeadlineMs);
    try {
      const { message } = await process.#next(({ message: said }) =>
        isGreeting(said) ? undefined : 'it did not greet',
      );
      const hello = message as HelloMessage | RefusalMessage;
      if ('failure' in hello) throw errorOfFailure(hello.failure, launch);
      if (hello.protocol !== protocolVersion) throw launchFailure(launch, otherProtocol(hello.protocol));
      return { process, hello };
    } catch (error) {
      process.kill();
      if (!isLossOfChild(error)) throw error;
      throw launchFailure(launch, `it ended before it could greet (${JSON.stringify(error.details['how'])})`);
    } finally {
      clearTimeout(deadline);
    }
  }

  get alive(): boolean {
    return this.#ended === undefined && !this.#killed;
  }

  /** Whether it was this side that ended it. */
  get killed(): boolean {
    return this.#killed;
  }

  /** What the guest of the request that ended with this child had written. */
  get leftBehind(): GuestOutput | undefined {
    return this.#leftBehind;
  }

  /** @throws HS_RUNTIME_CRASHED when the child ends before it answers, HS_RUNTIME_CHILD_PROTOCOL_BROKEN */
  async request(message: RequestMessage, attached: Uint8Array): Promise<Reply> {
    const id = ++this.#asked;
    const answer = this.#next((frame) => wrongInAnswer(frame, id, message));
    for (const piece of encodeFrame({ id, ...message }, attached)) (this.#child.stdin as Writable).write(piece);
    const frame = await answer;
    return { message: frame.message as ReplyMessage, attached: frame.attached };
  }

  /** Ends the child at once, whatever it does. */
  kill(): void {
    this.#killed = true;
    this.#child.kill('SIGKILL');
    this.#end('it was ended');
  }

  /** Lets an idle child end itself; one that does not is ended. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return await this.#exited;
    this.#killed = true;
    (this.#child.stdin as Writable).end();
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 1_000);
    await this.#exited;
    clearTimeout(impatience);
  }

  #next(wrongIn: Waiting['wrongIn']): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(this.#ended);
      else this.#waiting = { wrongIn, resolve, reject };
    });
  }

  #take(piece: Buffer): void {
    // What was on its way from a child that is ended.
    if (!this.alive) return;
    try {
      for (const frame of this.#reader.push(piece)) {
        const waiting = this.#waiting;
        const wrong = waiting === undefined ? unasked : waiting.wrongIn(frame);
        if (wrong !== undefined) return this.#breakOff(wrong);
        this.#waiting = undefined;
        waiting?.resolve(frame);
      }
    } catch {
      return this.#breakOff('it sent what is no frame');
    }
    // The beginning of what can only be taken for the answer of the next request.
    if (this.#waiting === undefined && this.#reader.isWithinFrame) this.#breakOff(unasked);
  }

  /** Ends a child that broke the protocol. */
  #breakOff(how: string): void {
    this.#ended ??= runtimeChildError('HS_RUNTIME_CHILD_PROTOCOL_BROKEN', { engine: this.#launch.engine, how });
    this.#child.kill('SIGKILL');
    this.#end(how);
  }

  #end(how: string): void {
    this.#ended ??= runtimeChildError('HS_RUNTIME_CRASHED', { engine: this.#launch.engine, how });
    this.#leftBehind ??= this.#page?.read();
    this.#page?.close();
    this.#page = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#ended);
  }
}

const unasked = 'it spoke while nothing was asked of it';

function otherProtocol(spoken: number): string {
  const remedy =
    spoken < protocolVersion
      ? 'the program is older than the package: build it anew, as the README of its package says'
      : 'the program is newer than the package: install the package that it came with';
  return `it speaks protocol ${spoken}, not ${protocolVersion}: ${remedy}`;
}

const launchFailure = ({ engine }: EngineLaunch, why: string): HotSwapError =>
  runtimeChildError('HS_RUNTIME_CHILD_FAILED', { engine, why });
