import { randomUUID } from 'node:crypto';
import type { MirrorBoard, RouteMirror, RouteTarget } from '@hotswap/core';
import { compareAnswers, type WholeAnswer } from './compare-answers.ts';
import type { RoutePlan } from './choose-target.ts';
import type { InvokeTokenSigner } from './invoke-token-signer.ts';
import { MirrorConnections, type CopiedRequest } from './mirror-connections.ts';
import { MirrorCounts, type MirrorStats } from './mirror-counts.ts';

/** Bodies above that are not copied and not compared. @internal */
export const mirrorBodyBytes = 65_536;
const mostInFlight = 16;
const mostQueued = 256;
const mostQueuedBytes = 8_388_608;
const shortestTimeoutMs = 10_000;
const reportMs = 1_000;

/** A request that has been answered, with what is needed to ask again. @internal */
export interface AnsweredRequest {
  readonly moduleName: string;
  /** Function, or method of an HTTP request: what examples of differences are told by. */
  readonly call: string;
  readonly isFunction: boolean;
  readonly path: string;
  readonly method: string;
  /** Names and values in turn, without those that say where it goes. */
  readonly headers: readonly string[];
  /** Header that pins the release on the node. */
  readonly pin: string;
  /** `undefined`: it is too large, or it is not known whole. */
  readonly body: Buffer | string | null | undefined;
  /** The same of the answer. */
  readonly answer: WholeAnswer | undefined;
  readonly tookMs: number;
}

interface Copy {
  readonly mirror: RouteMirror;
  readonly request: AnsweredRequest & {
    readonly body: Buffer | string | null;
    readonly answer: WholeAnswer;
  };
  readonly sizeBytes: number;
}

/** @internal */
export interface RequestMirrorOptions {
  readonly board: MirrorBoard;
  readonly instanceId: string;
  readonly tokens: InvokeTokenSigner;
  readonly random: () => number;
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Sends copies of requests, once they have been answered, to releases that nobody gets answers of, and counts what came
 * of it. A copy waits for nobody's caller and nobody's caller for it: few are under way at once, on connections of their
 * own, and what does not fit is counted as skipped.
 * @internal
 */
export class RequestMirror {
  readonly #options: RequestMirrorOptions;
  readonly #connections = new MirrorConnections(mirrorBodyBytes);
  readonly #counts = new MirrorCounts();
  readonly #queue: Copy[] = [];
  /** A restarted gateway counts from nought, under another name. */
  readonly #reporterId: string;
  #queuedBytes = 0;
  #inFlight = 0;
  #timer: NodeJS.Timeout | undefined;
  #reporting: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: RequestMirrorOptions) {
    this.#options = options;
    this.#reporterId = `${options.instanceId}:${randomUUID()}`;
  }

  /** Begins to report. */
  start(): void {
    this.#timer = setInterval(() => void this.#report(), reportMs);
    this.#timer.unref();
  }

  /** Drops what waits, gives up what is under way, and reports once more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const { mirror } of this.#queue.splice(0)) this.#counts.add(mirror, 'skipped');
    await this.#connections.close();
    await this.#reporting;
    await this.#report();
  }

  stats(): MirrorStats {
    return this.#counts.stats();
  }

  /** Chooses whether the next request is copied; `undefined` when not. */
  sample(plan: RoutePlan | undefined): readonly RouteMirror[] | undefined {
    const mirrors = plan?.route.mirrors;
    if (mirrors === undefined || mirrors.length === 0) return undefined;
    const chosen = mirrors.filter(({ percent }) => this.#options.random() * 100 < percent);
    return chosen.length === 0 ? undefined : chosen;
  }

  /** Takes a request that was chosen and has been answered. Never throws and never waits. */
  offer(mirrors: readonly RouteMirror[], request: AnsweredRequest): void {
    for (const mirror of mirrors) {
      const { body, answer } = request;
      const sizeBytes = body === undefined || answer === undefined ? Infinity : sizeOf(body) + answer.body.byteLength;
      const fits = this.#queue.length < mostQueued && this.#queuedBytes + sizeBytes <= mostQueuedBytes;
      if (body === undefined || answer === undefined || sizeOf(body) > mirrorBodyBytes || !fits || this.#isStopped) {
        this.#counts.add(mirror, 'skipped');
        continue;
      }
      this.#queue.push({ mirror, request: { ...request, body, answer }, sizeBytes });
      this.#queuedBytes += sizeBytes;
    }
    this.#startNext();
  }

  /** Forgets what no route mirrors any more. */
  follow(plans: Iterable<RoutePlan>): void {
    const mirrors = [...plans].flatMap(({ route }) => route.mirrors ?? []);
    this.#counts.keepOnly(mirrors);
    this.#connections.keepOnly(new Set(mirrors.flatMap(({ targets }) => targets.map((target) => target.dataPlaneUrl))));
  }

  #startNext(): void {
    while (this.#inFlight < mostInFlight) {
      const copy = this.#queue.shift();
      if (copy === undefined) return;
      this.#queuedBytes -= copy.sizeBytes;
      this.#inFlight++;
      void this.#send(copy)
        .catch((error: unknown) => {
          this.#counts.add(copy.mirror, 'skipped');
          this.#options.onError?.(error);
        })
        .finally(() => {
          this.#inFlight--;
          this.#startNext();
        });
    }
  }

  async #send({ mirror, request }: Copy): Promise<void> {
    const { targets } = mirror;
    const target = targets[Math.floor(this.#options.random() * targets.length)];
    if (target === undefined) return this.#counts.add(mirror, 'skipped');
    const end = await this.#connections.send(target.dataPlaneUrl, await this.#copyFor(mirror.tenant, target, request));
    if (this.#isStopped || end === 'unsent') return this.#counts.add(mirror, 'skipped');
    if (end === 'lost') return this.#counts.add(mirror, 'failed');
    if (end === 'large') {
      const sizes = { live: `${request.answer.body.byteLength} bytes`, mirrored: `above ${mirrorBodyBytes} bytes` };
      return this.#counts.add(mirror, 'different', { call: request.call, at: '', ...sizes });
    }
    if (end.status === 401) this.#options.tokens.forget({ tenant: mirror.tenant, nodeId: target.nodeId });
    const compared = compareAnswers(request.answer, end, { ...mirror.compare, isFunction: request.isFunction });
    if (compared.kind === 'different')
      this.#counts.add(mirror, 'different', { call: request.call, ...compared.difference });
    else this.#counts.add(mirror, compared.kind === 'unknown' ? 'skipped' : compared.kind);
  }

  async #copyFor(
    tenant: string,
    target: RouteTarget,
    request: AnsweredRequest & { body: Buffer | string | null },
  ): Promise<CopiedRequest> {
    const authorization = await this.#options.tokens.headerFor({ tenant, nodeId: target.nodeId });
    return {
      path: request.path,
      method: request.method,
      headers: [...request.headers, 'authorization', authorization, request.pin, target.releaseId],
      body: request.body,
      // As long as the live call took several times over: slow is for latency to judge, a hang is a failure.
      timeoutMs: Math.max(shortestTimeoutMs, 3 * request.tookMs),
    };
  }

  /** One report at a time; what does not arrive comes with the next. */
  #report(): Promise<void> {
    return (this.#reporting ??= this.#reportOnce().finally(() => (this.#reporting = undefined)));
  }

  async #reportOnce(): Promise<void> {
    const reports = this.#counts.take();
    if (reports.length === 0) return;
    try {
      await this.#options.board.reportMirrors(this.#reporterId, reports);
    } catch (error) {
      this.#counts.giveBack(reports);
      this.#options.onError?.(error);
    }
  }
}

const sizeOf = (body: Buffer | string | null): number =>
  body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
