import { isHotSwapError } from '@hotswap/core';
import type { NodeLogBatch, NodeLogEvent, NodeLogRead } from '@hotswap/protocol';
import type { EventStream } from '../http/event-stream.ts';
import type { NodeInquiry } from './node-inquiry.ts';

/** Lines of one answer of the node, and so what is held for one reader. */
const batchLines = 500;
/** How long the node keeps the question while there is nothing to tell. */
const waitMs = 15_000;
const firstRetryMs = 500;
const longestRetryMs = 5_000;

/** What a reader wants of which node's log. @internal */
export interface NodeLogWish {
  readonly tenant: string;
  readonly nodeId: string;
  readonly module?: string | undefined;
  readonly tail?: number | undefined;
  /** `Last-Event-ID`. */
  readonly after?: string | undefined;
  readonly follow: boolean;
}

type LogReader = Pick<NodeInquiry, 'readLog'>;

/** The first part of a node's log, before the stream is opened: what is wrong is still an answer of its own. @internal */
export function readFirstLines(inquiry: LogReader, wish: NodeLogWish, signal: AbortSignal): Promise<NodeLogBatch> {
  const { tenant, nodeId, tail } = wish;
  const from = wish.after === undefined ? (tail === undefined ? {} : { tail }) : { after: wish.after };
  return inquiry.readLog(tenant, nodeId, { ...moduleOf(wish), ...from, limit: batchLines, waitMs: 0 }, signal);
}

/**
 * Sends a node's log to one reader. The node is asked for more only when the reader has taken what it was sent: for a
 * slow reader the node's ring moves on, and the reader is told how many lines that cost.
 * @internal
 */
export class NodeLogStream {
  readonly #inquiry: LogReader;
  readonly #wish: NodeLogWish;
  readonly #stream: EventStream;
  readonly #ended = new AbortController();

  constructor(inquiry: LogReader, wish: NodeLogWish, stream: EventStream) {
    this.#inquiry = inquiry;
    this.#wish = wish;
    this.#stream = stream;
  }

  /** Resolves when the reader has left or has all that it wants. Never rejects. */
  async run(first: NodeLogBatch): Promise<void> {
    this.#stream.onClose(() => this.#ended.abort());
    let batch = first;
    let hasMore = await this.#send(batch);
    while (this.#stream.isOpen && (this.#wish.follow || hasMore)) {
      const next = await this.#readOn(batch.next, hasMore);
      if (next === undefined) return;
      batch = next;
      hasMore = await this.#send(batch);
    }
    this.#tell({ kind: 'end' });
    this.#stream.close();
  }

  /** Waits for a node that does not answer, for as long as the reader does. */
  async #readOn(after: string, isInHurry: boolean): Promise<NodeLogBatch | undefined> {
    const { tenant, nodeId } = this.#wish;
    const wanted: NodeLogRead = {
      ...moduleOf(this.#wish),
      after,
      limit: batchLines,
      waitMs: isInHurry ? 0 : waitMs,
    };
    let isTold = false;
    for (let retryMs = firstRetryMs; this.#stream.isOpen; retryMs = Math.min(2 * retryMs, longestRetryMs)) {
      try {
        return await this.#inquiry.readLog(tenant, nodeId, wanted, this.#ended.signal);
      } catch (error) {
        if (this.#ended.signal.aborted) return undefined;
        if (!isTold) this.#tell(interruption(error));
        isTold = true;
        if (isHotSwapError(error, 'HS_NODE_NOT_FOUND')) break;
      }
      await pause(retryMs, this.#ended.signal);
    }
    this.#stream.close();
    return undefined;
  }

  /** @returns whether the node has more to tell at once */
  async #send({ lines, lost, hasMore, next }: NodeLogBatch): Promise<boolean> {
    // A reader that leaves between the two is told of the loss again; one that has nothing else to go on after is not.
    if (lost !== undefined) this.#tell({ kind: 'lost', ...lost }, lines.length === 0 ? next : undefined);
    for (const line of lines) {
      this.#tell({ kind: 'line', line }, line.id);
      await this.#stream.drained();
    }
    return hasMore;
  }

  #tell(event: NodeLogEvent, id?: string): void {
    this.#stream.send({ event: event.kind, ...(id === undefined ? {} : { id }), data: JSON.stringify(event) });
  }
}

function moduleOf({ module }: NodeLogWish): { readonly module?: string } {
  return module === undefined ? {} : { module };
}

function interruption(error: unknown): NodeLogEvent {
  const known = isHotSwapError(error) ? error : undefined;
  return {
    kind: 'interrupted',
    code: known?.code ?? 'HS_API_INTERNAL',
    message: known?.message ?? 'the server could not ask the node',
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
