import { isHotSwapError } from '@hotswap/core';
import type { ApiRequest, HttpTransport } from './http-transport.ts';
import { readSse, type SseEvent } from './sse-reader.ts';

const firstRetryMs = 100;
const longestRetryMs = 5_000;

/**
 * Follows an event stream of the API for as long as the caller reads: a broken connection is opened again with
 * `Last-Event-ID`, after a pause that doubles up to five seconds and is spread at random.
 * @param mustOpen - `true`: a stream that cannot be opened the first time is an error, whatever the reason. Default `false`.
 * @throws the server's own codes when it refuses the stream (an answer of 4xx)
 * @internal
 */
export async function* followEvents(
  transport: HttpTransport,
  request: ApiRequest,
  lastEventId?: string,
  mustOpen = false,
): AsyncGenerator<SseEvent, void, undefined> {
  let id = lastEventId;
  let retryMs = firstRetryMs;
  let mayFail = !mustOpen;
  const aborted = (): boolean => request.signal?.aborted === true;
  while (!aborted()) {
    try {
      const headers = {
        ...request.headers,
        accept: 'text/event-stream',
        ...(id === undefined ? {} : { 'last-event-id': id }),
      };
      const response = await transport.open({ ...request, headers });
      mayFail = true;
      for await (const event of readSse(response.body as unknown as AsyncIterable<Uint8Array>)) {
        retryMs = firstRetryMs;
        id = event.id ?? id;
        yield event;
      }
    } catch (error) {
      if (aborted()) return;
      if (!mayFail) throw error;
      if (isHotSwapError(error) && !error.retryable && error.httpStatus < 500) throw error;
    }
    await pause(retryMs * (0.5 + Math.random() / 2), request.signal);
    retryMs = Math.min(retryMs * 2, longestRetryMs);
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
