import { Agent, type Dispatcher } from 'undici';
import type { Json } from '@hotswap/core';
import { readProblem } from '@hotswap/protocol';
import { gatewayError } from './error-codes.ts';
import { InvokeTokenSigner, type SignInvokeToken } from './invoke-token-signer.ts';

const connectTimeoutMs = 2_000;
/** Questions to one node at one time; readers of logs wait in some of them. */
const maxConnections = 128;
/** Largest answer that is read. */
const maxAnswerBytes = 32 * 1_048_576;

/** Where a node is. @public */
export interface AskedNode {
  readonly tenant: string;
  readonly nodeId: string;
  readonly dataPlaneUrl: string;
}

/**
 * Asks agents about their nodes, on the port where calls arrive and with the same tokens: every server can ask every
 * node, whichever server the node's own connection leads to.
 * @public
 */
export class NodeQuestions implements AsyncDisposable {
  readonly #tokens: InvokeTokenSigner;
  readonly #agent = new Agent({
    connections: maxConnections,
    pipelining: 1,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 30_000,
  });

  constructor(signToken: SignInvokeToken) {
    this.#tokens = new InvokeTokenSigner(signToken);
  }

  /**
   * Posts a JSON document and brings back the one that answers it.
   * @throws HS_ROUTE_NODE_UNREACHABLE, HS_ROUTE_NODE_REFUSED, HS_ROUTE_TIMEOUT
   */
  async ask(
    { tenant, nodeId, dataPlaneUrl }: AskedNode,
    path: string,
    question: unknown,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Json> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const node = { tenant, nodeId };
    try {
      const answer = await this.#agent.request({
        origin: dataPlaneUrl,
        path,
        method: 'POST',
        headers: { authorization: await this.#tokens.headerFor(node), 'content-type': 'application/json' },
        body: JSON.stringify(question),
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const text = await readText(answer.body, nodeId);
      if (answer.statusCode === 200) return JSON.parse(text) as Json;
      if (answer.statusCode === 401) this.#tokens.forget(node);
      // It stops, or has too much to do: another time it answers.
      if (answer.statusCode === 503)
        throw gatewayError('HS_ROUTE_NODE_UNREACHABLE', { nodeId, why: 'it is busy or about to stop' });
      throw refused(nodeId, answer.statusCode, text);
    } catch (error) {
      signal?.throwIfAborted();
      if (timeout.aborted) throw gatewayError('HS_ROUTE_TIMEOUT', { nodeId, timeoutMs }, error);
      throw asFailure(nodeId, timeoutMs, error);
    }
  }

  /** Cuts what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readText(body: Dispatcher.ResponseData['body'], nodeId: string): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxAnswerBytes)
      throw gatewayError('HS_ROUTE_NODE_REFUSED', { nodeId, status: 200, why: 'the answer is too large' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refused(nodeId: string, status: number, text: string): Error {
  let why = 'it gives no reason';
  try {
    const problem = readProblem(JSON.parse(text));
    if (problem) why = `${problem.code}: ${problem.detail}`;
  } catch {
    // Not from an agent of ours: the status says what there is to say.
  }
  return gatewayError('HS_ROUTE_NODE_REFUSED', { nodeId, status, why });
}

function asFailure(nodeId: string, timeoutMs: number, error: unknown): unknown {
  if (error instanceof SyntaxError)
    return gatewayError('HS_ROUTE_NODE_REFUSED', { nodeId, status: 200, why: 'its answer is no JSON' }, error);
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code.startsWith('HS_')) return error;
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return gatewayError('HS_ROUTE_TIMEOUT', { nodeId, timeoutMs }, error);
  return gatewayError('HS_ROUTE_NODE_UNREACHABLE', { nodeId, why: code === '' ? 'the connection broke' : code }, error);
}
