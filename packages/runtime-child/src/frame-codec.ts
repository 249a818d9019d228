import { runtimeChildError } from './error-codes.ts';

/** A message with the raw bytes that go with it. @internal */
export interface Frame {
  readonly message: unknown;
  readonly attached: Uint8Array;
}

/** Longest frame that is taken from a child: its largest answer is two output streams. */
const maxFrameBytes = 2 ** 30;

/**
 * A frame as bytes: `u32` length of all that follows, `u32` length of the JSON text, the text, the attached bytes; numbers
 * little-endian.
 * @internal
 */
export function encodeFrame(message: object, attached: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(message));
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32LE(4 + text.length + attached.length, 0);
  head.writeUInt32LE(text.length, 4);
  return attached.length === 0 ? [Buffer.concat([head, text])] : [Buffer.concat([head, text]), attached];
}

/**
 * Puts frames together from pieces of a stream.
 * @internal
 */
export class FrameReader {
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
    if (total < 4 || textBytes > total - 4 || total > maxFrameBytes) throw malformed('lengths contradict each other');
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
