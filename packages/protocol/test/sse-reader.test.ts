import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSse, readSse, type SseEvent } from '@hotswap/protocol';
import { collect } from './collect.ts';

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
    await Promise.resolve();
  }
}

const read = async (text: string, sizes: readonly number[] = [1_000]): Promise<SseEvent[]> =>
  collect(readSse(chunked(Buffer.from(text), sizes)));

describe('readSse', () => {
  it('reads names, ids, several data lines and passes comments over', async () => {
    expect(await read(':hi\n\nid: 7\nevent: desired\ndata: {"a":\ndata: 1}\n\n: keep-alive\n\ndata:x\n\n')).toEqual([
      { event: 'desired', id: '7', data: '{"a":\n1}' },
      { event: 'message', id: '7', data: 'x' },
    ]);
  });

  it('takes any line ending and drops an event that was cut off', async () => {
    expect(await read('data: a\r\n\r\ndata: b\n\ndata: c\n')).toEqual([
      { event: 'message', data: 'a' },
      { event: 'message', data: 'b' },
    ]);
  });

  it('reads what was written, however it is cut into pieces', async () => {
    const events = fc.array(fc.record({ event: fc.stringMatching(/^[a-z.]{1,10}$/), id: fc.nat(), data: fc.json() }), {
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        events,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        async (written, sizes) => {
          const text = written.map((event) => formatSse({ ...event, data: JSON.stringify(event.data) })).join('');
          expect(await read(text, sizes)).toEqual(
            written.map((event) => ({ event: event.event, id: String(event.id), data: JSON.stringify(event.data) })),
          );
        },
      ),
    );
  });

  it('tells of activity with each piece, comments included', async () => {
    let pieces = 0;
    await collect(readSse(chunked(Buffer.from(':\n\n:\n\n'), [3]), () => pieces++));
    expect(pieces).toBe(2);
  });
});
