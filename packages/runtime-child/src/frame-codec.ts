import type { RequestMessage } from './child-messages.ts';
import { runtimeChildError } from './error-codes.ts';

/** A message with the raw bytes that go with it. @internal */
export interface Frame {
  readonly message: unknown;
  readonly attached: Uint8Array;
}

/** Longest frame of all: `native/src/frame.rs` takes no longer one. */
const maxFrameBytes = 2 ** 30;
/** What a description of a module may take; a child refuses modules that would take more. */
const maxDescriptionBytes = 2 ** 27;
/** What the text of every other answer may take: results, and the details of failures. */
const maxTextBytes = 2 ** 24;
/** Of each stream, what comes with a failure. */
const maxHeadBytes = 2_001;

/**
 * A frame as bytes: `u32` length of all that follows, `u32` length of the JSON text, the text, the attached bytes; numbers
 * little-endian.
 * @throws HS_RUNTIME_INPUT_LIMIT when it is longer than a child takes
 * @internal
 */
export function encodeFrame(message: object, attached: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(message));
  const sizeBytes = 4 + text.length + attached.length;
  if (sizeBytes > maxFrameBytes)
    throw runtimeChildError('HS_RUNTIME_INPUT_LIMIT', { sizeBytes, limitBytes: maxFrameBytes });
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32LE(sizeBytes, 0);
  head.writeUInt32LE(text.length, 4);
  return attached.length === 0 ? [Buffer.concat([head, text])] : [Buffer.concat([head, text]), attached];
}

/**
 * How long the answer to a request can be: a child that announces more is not to be listened to.
 * @internal
 */
export function longestAnswerBytes(request: RequestMessage): number {
  const { do: what } = request;
  if (what === 'inspect' || what === 'load') return maxDescriptionBytes;
  const room = what === 'callInstance' ? request.maxOutputBytes : 'wasi' in request ? request.wasi.maxOutputBytes : 0;
  return Math.min(maxFrameBytes, maxTextBytes + 2 * Math.max(maxHeadBytes, room));
}

/**
 * Puts frames together from pieces of a stream.
 * @internal
 */
export class FrameReader {
  /** Longer frames are none. */
  maxBytes: number = maxFrameBytes;
  #pieces: Buffer[] = [];
  #size = 0;

  /** Whether a frame has begun to arrive. */
  get isWithinFrame(): boolean {
    return this.#size > 0;
  }

  /** The frames that a piece completes. @throws HS_RUNTIME_CHILD_FAILED on what is no frame. */
  push(piece: Buffer): readonly Frame[] {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#size < 8) return undefined;
    // Joined only when a frame can be complete: a long one arrives in many pieces.
    if ((this.#pieces[0] as Buffer).length < 8) this.#pieces = [Buffer.concat(this.#pieces)];
    const first = this.#pieces[0] as Buffer;
    const [total, textBytes] = [first.readUInt32LE(0), first.readUInt32LE(4)];
    if (total < 4 || textBytes > total - 4 || total > this.maxBytes)
      throw malformed('lengths contradict each other, or what was asked for');
    if (this.#size < 4 + total) return undefined;
    const all = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces = all.length === 4 + total ? [] : [all.subarray(4 + total)];
    this.#size -= 4 + total;
    return { message: parse(all.subarray(8, 8 + textBytes)), attached: all.subarray(8 + textBytes, 4 + total) };
  }
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch {
    throw malformed('its text is no JSON');
  }
}

const malformed = (why: string): Error =>
  runtimeChildError('HS_RUNTIME_CHILD_FAILED', { engine: 'child', why: `it sent something that is no frame: ${why}` });
