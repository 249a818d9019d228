import {
  nodeChecksRequestSchema,
  nodeLogReadSchema,
  nodePaths,
  type NodeChecksAnswer,
  type NodeChecksRequest,
  type NodeLogBatch,
} from '@hotswap/protocol';
import type { z } from 'zod';
import { agentError } from '../error-codes.ts';
import { askHealth } from '../calls/health-question.ts';
import type { LiveRelease } from '../modules/live-release.ts';
import type { NodeLog } from '../log/node-log.ts';
import { ResourceUsage } from '../metrics/resource-usage.ts';

/** Health functions that run at one time. */
const concurrency = 8;
const maxMessageLength = 1_000;

type CheckAsked = NodeChecksRequest['checks'][number];
type CheckAnswered = NodeChecksAnswer['checks'][number];

/** @internal */
export interface ServerQuestionsOptions {
  readonly log: NodeLog;
  /** A release that is ready on the node. */
  readonly release: (moduleName: string, releaseId: string) => LiveRelease | undefined;
  readonly moduleCount: () => number;
}

/**
 * What a server asks about the node itself: lines of its log, and what its modules say of their health.
 * @internal
 */
export class ServerQuestions {
  /** Bytes of a question. */
  static readonly limitBytes: number = 4 * 1_048_576;
  readonly #options: ServerQuestionsOptions;
  readonly #usage = new ResourceUsage();

  constructor(options: ServerQuestionsOptions) {
    this.#options = options;
  }

  /** Whether there are answers at an address. */
  isAsked(path: string): boolean {
    return path === nodePaths.logs || path === nodePaths.checks;
  }

  /**
   * Answers one, as an object for JSON.
   * @throws HS_AGENT_INVALID_REQUEST, HS_AGENT_TOO_MANY_READERS
   */
  answer(path: string, question: string, signal: AbortSignal): Promise<NodeLogBatch | NodeChecksAnswer> {
    return path === nodePaths.logs
      ? this.#options.log.read(read(nodeLogReadSchema, question), signal)
      : this.#check(read(nodeChecksRequestSchema, question), signal);
  }

  /** Nobody is kept waiting from now on. */
  stop(): void {
    this.#options.log.close();
  }

  async #check({ checks, timeoutMs }: NodeChecksRequest, left: AbortSignal): Promise<NodeChecksAnswer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([left, timeout]);
    const answers: CheckAnswered[] = [];
    const waiting = checks.entries();
    const work = async (): Promise<void> => {
      for (const [index, asked] of waiting) answers[index] = await this.#ask(asked, signal);
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return { checks: answers, resources: { ...this.#usage.read(), modulesLoaded: this.#options.moduleCount() } };
  }

  async #ask({ moduleName, releaseId, check }: CheckAsked, signal: AbortSignal): Promise<CheckAnswered> {
    const live = this.#options.release(moduleName, releaseId);
    const about = { moduleName, releaseId };
    if (live?.ready === undefined)
      return { ...about, state: 'missing', message: 'the release is not ready on the node', durationMs: 0 };
    if (!check.enabled) return { ...about, state: 'disabled', durationMs: 0 };
    const startedMs = performance.now();
    const failure = signal.aborted
      ? 'there was no time left to ask'
      : await askHealth({
          module: live.ready.module,
          check,
          signal,
          onOutput: (output) => this.#options.log.output(live.subject, output),
        });
    const durationMs = Math.round((performance.now() - startedMs) * 1_000) / 1_000;
    if (failure === undefined) return { ...about, state: 'healthy', durationMs };
    const message = signal.aborted
      ? 'it did not answer in the time that there was'
      : failure.slice(0, maxMessageLength);
    this.#options.log.note(live.subject, 'error', `was asked for its health: ${message}`);
    return { ...about, state: 'unhealthy', message, durationMs };
  }
}

function read<T>(schema: z.ZodType<T, unknown>, text: string): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw agentError('HS_AGENT_INVALID_REQUEST', { why: 'the body is no JSON' });
  }
  const checked = schema.safeParse(parsed);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw agentError('HS_AGENT_INVALID_REQUEST', { why: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` });
}
