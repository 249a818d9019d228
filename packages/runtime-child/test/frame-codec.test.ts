import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader, encodeFrame, longestAnswerBytes } from '../src/frame-codec.ts';

const frames = fc.array(fc.tuple(fc.dictionary(fc.string(), fc.integer()), fc.uint8Array({ maxLength: 200 })), {
  minLength: 1,
  maxLength: 5,
});

describe('frames', () => {
  it('come back as they were sent, however the stream cuts them', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 50 }), (sent, size) => {
        const stream = Buffer.concat(sent.flatMap(([message, attached]) => encodeFrame(message, attached)));
        const reader = new FrameReader();
        const got = [];
        for (let at = 0; at < stream.length; at += size) got.push(...reader.push(stream.subarray(at, at + size)));
        expect(got.map(({ message, attached }) => [message, Uint8Array.from(attached)])).toEqual(
          sent.map(([message, attached]) => [JSON.parse(JSON.stringify(message)) as unknown, attached]),
        );
      }),
    );
  });

  it.each([
    ['lengths that contradict each other', [1, 0, 0, 0, 9, 0, 0, 0]],
    ['a length beyond all reason', [255, 255, 255, 255, 1, 0, 0, 0]],
    ['text that is no JSON', [5, 0, 0, 0, 1, 0, 0, 0, 0x7b]],
  ])('with %s are refused', (_, bytes) => {
    expect(() => new FrameReader().push(Buffer.from(bytes))).toThrow('no frame');
  });

  it('that a child would not take are not sent', () => {
    expect(() => encodeFrame({ do: 'inspect' }, new Uint8Array(2 ** 30))).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_INPUT_LIMIT' }),
    );
  });

  it('are no longer than what was asked for', () => {
    const callOf = (maxOutputBytes: number): number =>
      longestAnswerBytes({ do: 'callInstance', export: 'f', args: [], maxOutputBytes });
    expect(callOf(50_000_000) - callOf(40_000_000)).toBe(20_000_000);
    const reader = new FrameReader();
    reader.maxBytes = 100;
    expect(reader.push(Buffer.from([100, 0, 0, 0, 1, 0, 0, 0]))).toEqual([]);
    expect(() => reader.push(Buffer.alloc(97, 0x31))).not.toThrow();
    const longer = new FrameReader();
    longer.maxBytes = 99;
    expect(() => longer.push(Buffer.from([100, 0, 0, 0, 1, 0, 0, 0]))).toThrow('no frame');
  });
});
