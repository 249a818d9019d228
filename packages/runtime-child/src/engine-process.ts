import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { HotSwapError } from '@hotswap/core';
import {
  type HelloMessage,
  type RefusalMessage,
  type Reply,
  type ReplyMessage,
  protocolVersion,
} from './child-messages.ts';
import type { RequestMessage } from './child-messages.ts';
import { isGreeting, isHello, wrongInAnswer } from './answer-check.ts';
import { runtimeChildError } from './error-codes.ts';
import { type LossCode, isLossOfChild } from './loss-of-child.ts';
import { errorOfFailure } from './error-of-failure.ts';
import type { EngineLaunch, HostLaunch } from './engine-launch.ts';
import { type Frame, FrameReader, encodeFrame, longestAnswerBytes } from './frame-codec.ts';
import type { GuestOutput } from './guest-output.ts';
import { LeftBehindFile } from './left-behind-file.ts';

/** Time from the start of the program to its greeting; a library of 100 MB may come from a cold disk. */
const greetingDeadlineMs = 30_000;

/** Time in which a child that is told to end does so. */
const patienceMs = 1_000;

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
  readonly #launch: HostLaunch;
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

  private constructor(launch: HostLaunch) {
    this.#launch = launch;
    const [program = '', ...args] = launch.command;
    // Guests must not find this process's environment; what the library needs is named.
    const limits = [String(launch.maxProcessMemoryBytes)];
    const page = this.#page?.descriptor;
    try {
      this.#child = spawn(program, [...args, ...limits, ...(page === undefined ? [] : [String(pageDescriptor)])], {
        stdio: ['pipe', 'pipe', 'inherit', ...(page === undefined ? [] : [page])],
        env: { ...launch.environment },
      });
    } catch (error) {
      this.#page?.close();
      throw launchFailure(launch, notStarted(error));
    }
    // Without descriptors left there are no pipes: all that comes is the error.
    this.#child.stdout?.on('data', (piece: Buffer) => this.#take(piece));
    // A broken pipe is seen as the exit that follows it.
    this.#child.stdin?.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#end(notStarted(error));
        if (this.#child.pid === undefined) resolve();
      });
      this.#child.once('close', (code, signal) => {
        this.#end(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
        resolve();
      });
    });
  }

  /** Starts a child and waits for its greeting. @throws HS_RUNTIME_CHILD_FAILED, and what the launch makes of a refusal */
  static async start(
    launch: HostLaunch,
    signal?: AbortSignal,
  ): Promise<{ readonly process: EngineProcess; readonly hello: HelloMessage }> {
    const process = new EngineProcess(launch);
    const giveUp = (): void => process.kill();
    const deadline = setTimeout(giveUp, greetingDeadlineMs);
    signal?.addEventListener('abort', giveUp);
    try {
      const hello = await process.#greeting();
      process.#hold(false);
      return { process, hello };
    } catch (error) {
      process.kill();
      await process.close();
      if (!isLossOfChild(error)) throw error;
      throw launchFailure(launch, `it ended before it could greet (${JSON.stringify(error.details.how)})`);
    } finally {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  get alive(): boolean {
    return this.#ended === undefined && !this.#killed;
  }

  /** Whether it was this side that ended it. */
  get killed(): boolean {
    return this.#killed;
  }

  /** Settled when it has ended and is no more. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** What the guest of the request that ended with this child had written. */
  get leftBehind(): GuestOutput | undefined {
    return this.#leftBehind;
  }

  /** @throws HS_RUNTIME_CRASHED when the child ends before it answers, HS_RUNTIME_CHILD_PROTOCOL_BROKEN */
  async request(message: RequestMessage, attached: Uint8Array): Promise<Reply> {
    const id = ++this.#asked;
    const pieces = encodeFrame({ id, ...message }, attached);
    this.#reader.maxBytes = longestAnswerBytes(message);
    const answer = this.#next((frame) => wrongInAnswer(frame, id, message));
    this.#hold(true);
    try {
      for (const piece of pieces) this.#child.stdin?.write(piece);
      const frame = await answer;
      return { message: frame.message as ReplyMessage, attached: frame.attached };
    } finally {
      this.#hold(false);
    }
  }

  /** Ends the child at once, whatever it does. */
  kill(): void {
    this.#killed = true;
    this.#child.kill('SIGKILL');
    this.#end('it was ended');
  }

  /** Lets an idle child end itself; one that does not is ended. Waits until it is gone. */
  async close(): Promise<void> {
    if (this.#ended === undefined) {
      this.#killed = true;
      this.#child.stdin?.end();
      await this.#exitWithin(patienceMs);
      this.#child.kill('SIGKILL');
    }
    // What the system does not end must not keep whoever waits here.
    await this.#exitWithin(patienceMs);
  }

  async #exitWithin(limitMs: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#exited, delay(limitMs, undefined, timer).catch(() => undefined)]);
    timer.abort();
  }

  /** Whether this process goes on for the child alone: while it is asked for something, but not while it only waits. */
  #hold(needed: boolean): void {
    const { stdin, stdout } = this.#child as { readonly stdin?: Socket | null; readonly stdout?: Socket | null };
    for (const part of [this.#child, stdin, stdout]) {
      if (needed) part?.ref();
      else part?.unref();
    }
  }

  async #greeting(): Promise<HelloMessage> {
    const { message } = await this.#next(({ message: said }) => (isGreeting(said) ? undefined : 'it did not greet'));
    const hello = message as HelloMessage | RefusalMessage;
    if ('failure' in hello) throw errorOfFailure(hello.failure, this.#launch);
    if (hello.protocol !== protocolVersion) throw launchFailure(this.#launch, otherProtocol(hello.protocol));
    if (!isHello(hello)) throw launchFailure(this.#launch, 'its greeting does not say who it is and what it can do');
    return hello;
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
    this.#child.kill('SIGKILL');
    this.#end(how, 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN');
  }

  #end(how: string, code: LossCode = 'HS_RUNTIME_CRASHED'): void {
    if (this.#ended !== undefined) return;
    const { engine, unheardEnds } = this.#launch;
    this.#ended = runtimeChildError(code, { engine, how });
    this.#leftBehind = this.#page?.read();
    this.#page?.close();
    this.#page = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting.reject(this.#ended);
    else if (!this.#killed) unheardEnds.tell(code, how);
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

const notStarted = (error: unknown): string =>
  `it did not start: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`;

const launchFailure = ({ engine }: EngineLaunch, why: string): HotSwapError =>
  runtimeChildError('HS_RUNTIME_CHILD_FAILED', { engine, why });
