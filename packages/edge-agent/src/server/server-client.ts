import { isHotSwapError, type DesiredState } from '@hotswap/core';
import {
  desiredKeepAliveMs,
  desiredStateSchema,
  heartbeatAnswerSchema,
  nodeRegisteredSchema,
  nodeSessionSchema,
  readProblem,
  readSse,
  type Heartbeat,
  type HeartbeatAnswer,
  type NodeRegistered,
  type NodeRegistration,
  type NodeSession,
} from '@hotswap/protocol';
import { Agent, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { agentError } from '../error-codes.ts';
import type { ModuleOrigin, ModuleStream, WantedModule } from '../modules/module-cache.ts';

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 10_000;
/** A pull that brings nothing for that long is broken off and gone on with by range (F31). */
const chunkTimeoutMs = 10_000;
const maxAnswerBytes = 1_048_576;

type Answer = Dispatcher.ResponseData;
type Body = Dispatcher.ResponseData['body'];

/**
 * The server's HTTP interface as an agent uses it. Errors: HS_AGENT_SERVER_UNREACHABLE when there was no answer or one
 * that means "later" (429, 5xx), HS_AGENT_SUPERSEDED for 410, HS_AGENT_SERVER_REFUSED with `status` for the rest.
 * @internal
 */
export class ServerClient implements ModuleOrigin {
  readonly #baseUrl: string;
  readonly #nodeId: string;
  readonly #http: Agent;
  #credential = '';
  #clockOffsetMs = 0;

  /** @param authorities certificates that are trusted; absent: those that Node trusts */
  constructor(baseUrl: string, nodeId: string, authorities?: readonly string[]) {
    this.#baseUrl = baseUrl;
    this.#nodeId = nodeId;
    this.#http = new Agent({
      connect: { timeout: connectTimeoutMs, ...(authorities === undefined ? {} : { ca: [...authorities] }) },
      keepAliveTimeout: 30_000,
    });
  }

  /** The server's time in Unix milliseconds by the last answer, so that a node's wrong clock refuses no token (F44). */
  serverTime(): number {
    return Date.now() + this.#clockOffsetMs;
  }

  /** Used for everything but joining. */
  authenticate(credential: string): void {
    this.#credential = credential;
  }

  register(registration: NodeRegistration, joinToken: string): Promise<NodeRegistered> {
    return this.#exchange(
      'the registration',
      'POST',
      '/api/v1/wasm/nodes',
      joinToken,
      registration,
      nodeRegisteredSchema,
    );
  }

  openSession(registration: NodeRegistration): Promise<NodeSession> {
    return this.#exchange(
      'the start of a session',
      'PUT',
      this.#nodePath('session'),
      this.#credential,
      registration,
      nodeSessionSchema,
    );
  }

  heartbeat(heartbeat: Heartbeat): Promise<HeartbeatAnswer> {
    return this.#exchange(
      'the heartbeat',
      'POST',
      this.#nodePath('heartbeat'),
      this.#credential,
      heartbeat,
      heartbeatAnswerSchema,
    );
  }

  /** Desired states as they come, the latest first; ends when the connection does. */
  async *watch(
    bootId: string,
    fromGeneration: number,
    signal: AbortSignal,
  ): AsyncGenerator<DesiredState, void, undefined> {
    const operation = 'the watch of desired state';
    const answer = await this.#send(operation, {
      path: this.#nodePath(`desired?bootId=${encodeURIComponent(bootId)}`),
      method: 'GET',
      headers: {
        ...this.#bearer(this.#credential),
        accept: 'text/event-stream',
        'last-event-id': String(fromGeneration),
      },
      headersTimeout: answerTimeoutMs,
      bodyTimeout: desiredKeepAliveMs * 3,
      signal,
    });
    await this.#requireSuccess(operation, answer);
    for await (const { event, data } of readSse(guarded(answer.body, operation))) {
      if (event === 'desired') yield desiredStateSchema.parse(JSON.parse(data));
    }
  }

  async read(module: WantedModule, fromByte: number, signal: AbortSignal): Promise<ModuleStream> {
    const { moduleId, digest } = module;
    const range = fromByte > 0 ? { range: `bytes=${fromByte}-`, 'if-range': `"${digest}"` } : {};
    const answer = await this.#send(`the bytes of ${moduleId}`, {
      path: `/api/v1/wasm/modules/${encodeURIComponent(moduleId)}/binary`,
      method: 'GET',
      headers: { ...this.#bearer(this.#credential), ...range },
      headersTimeout: answerTimeoutMs,
      bodyTimeout: chunkTimeoutMs,
      signal,
    }).catch((error: unknown) => Promise.reject(pullFailed(moduleId, error)));
    const { statusCode } = answer;
    if (statusCode !== 200 && statusCode !== 206) {
      const why = await problemText(answer.body);
      if (mayPass(statusCode))
        throw agentError('HS_AGENT_PULL_FAILED', { moduleId, why: `the server answered ${statusCode} (${why})` });
      throw agentError('HS_AGENT_PULL_REFUSED', { moduleId, status: statusCode, why });
    }
    return { fromByte: statusCode === 206 ? fromByte : 0, chunks: pulled(answer.body, moduleId) };
  }

  async close(): Promise<void> {
    await this.#http.destroy();
  }

  #nodePath(rest: string): string {
    return `/api/v1/wasm/nodes/${encodeURIComponent(this.#nodeId)}/${rest}`;
  }

  #bearer(token: string): Record<string, string> {
    return { authorization: `Bearer ${token}` };
  }

  async #exchange<T>(
    operation: string,
    method: 'POST' | 'PUT',
    path: string,
    token: string,
    body: unknown,
    schema: z.ZodType<T>,
  ): Promise<T> {
    const answer = await this.#send(operation, {
      path,
      method,
      headers: { ...this.#bearer(token), 'content-type': 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
    });
    await this.#requireSuccess(operation, answer);
    const read = schema.safeParse(await readJson(answer.body));
    if (!read.success)
      throw agentError('HS_AGENT_SERVER_UNREACHABLE', { operation, why: 'its answer was not understood' });
    return read.data;
  }

  async #send(operation: string, options: Omit<Dispatcher.RequestOptions, 'origin'>): Promise<Answer> {
    try {
      const answer = await this.#http.request({ ...options, origin: this.#baseUrl });
      this.#learnTime(answer.headers['date']);
      return answer;
    } catch (error) {
      throw agentError('HS_AGENT_SERVER_UNREACHABLE', { operation, why: reasonOf(error) }, error);
    }
  }

  async #requireSuccess(operation: string, answer: Answer): Promise<void> {
    const { statusCode } = answer;
    if (statusCode < 300) return;
    const why = await problemText(answer.body);
    if (statusCode === 410) throw agentError('HS_AGENT_SUPERSEDED', { nodeId: this.#nodeId });
    if (mayPass(statusCode))
      throw agentError('HS_AGENT_SERVER_UNREACHABLE', { operation, why: `status ${statusCode} (${why})` });
    throw agentError('HS_AGENT_SERVER_REFUSED', { operation, status: statusCode, why });
  }

  /** The header has whole seconds: smaller differences are noise. */
  #learnTime(date: string | string[] | undefined): void {
    const serverMs = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(serverMs)) return;
    const offset = serverMs + 500 - Date.now();
    this.#clockOffsetMs = Math.abs(offset) < 2_000 ? 0 : offset;
  }
}

function mayPass(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

async function* guarded(body: Body, operation: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw agentError('HS_AGENT_SERVER_UNREACHABLE', { operation, why: reasonOf(error) }, error);
  }
}

async function* pulled(body: Body, moduleId: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw pullFailed(moduleId, error);
  }
}

function pullFailed(moduleId: string, error: unknown): Error {
  const known = isHotSwapError(error, 'HS_AGENT_SERVER_UNREACHABLE') ? error.details['why'] : undefined;
  const why = typeof known === 'string' ? known : reasonOf(error);
  return agentError('HS_AGENT_PULL_FAILED', { moduleId, why }, error);
}

async function readJson(body: Body): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxAnswerBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

async function problemText(body: Body): Promise<string> {
  const problem = readProblem(await readJson(body).catch(() => undefined));
  return problem === null ? 'no further reason given' : `${problem.code}: ${problem.detail}`;
}

function reasonOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name;
}
