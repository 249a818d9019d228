/** One event of a Server-Sent Events stream. @public */
export interface SseEvent {
  /** Default `message`. */
  readonly event: string;
  readonly data: string;
  /** Last id that the stream has named so far. */
  readonly id?: string;
}

/** Longest single event that is read; a peer that sends more is cut off. */
const maxEventChars = 64 * 1_048_576;

/**
 * Reads the events of one response body. Comments (keep-alives) call `onActivity` and yield nothing. Ends when the body
 * ends; breaking out of the loop cancels the body.
 * @public
 */
export async function* readSse(
  body: AsyncIterable<Uint8Array>,
  onActivity?: () => void,
): AsyncGenerator<SseEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let pending: PendingEvent = { event: 'message', data: [] };
  let id: string | undefined;
  for await (const chunk of body) {
    onActivity?.();
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > maxEventChars) return;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (pending.data.length > 0)
          yield { event: pending.event, data: pending.data.join('\n'), ...(id === undefined ? {} : { id }) };
        pending = { event: 'message', data: [] };
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
      if (field === 'data') pending.data.push(value);
      else if (field === 'event') pending.event = value;
      else if (field === 'id' && !value.includes('\0')) id = value;
    }
  }
}

interface PendingEvent {
  event: string;
  readonly data: string[];
}

/** Text of one event for a stream; data must hold no line breaks, which JSON text does not. @public */
export function formatSse(event: {
  readonly event?: string;
  readonly id?: string | number;
  readonly data: string;
}): string {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  const name = event.event === undefined ? '' : `event: ${event.event}\n`;
  return `${id}${name}data: ${event.data}\n\n`;
}
