/** Growth beyond this is for the transport that meters values one by one. */
const maxBytes = 64 * 1024 * 1024;
const initialBytes = 64 * 1024;
/** A buffer that one large call made is not kept for the small ones. */
const maxIdleBytes = 4 * 1024 * 1024;

let idle: MessageScratch | undefined;

/**
 * Memory that messages are written to, used again by the next call. What runs within a call, a getter of an argument or a
 * host function, may make calls of its own: they get memory of their own.
 * @internal
 */
export class MessageScratch {
  bytes: Buffer;
  view: DataView;

  constructor(sizeBytes: number = initialBytes) {
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes);
    this.view = viewOf(this.bytes);
  }

  static take(): MessageScratch {
    const taken = idle ?? new MessageScratch();
    idle = undefined;
    return taken;
  }

  /** Makes room for so many bytes in all; false when that is too much for a message. */
  grow(sizeBytes: number): boolean {
    if (sizeBytes > maxBytes) return false;
    const grown = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(sizeBytes, this.bytes.length * 2)));
    this.bytes.copy(grown);
    this.bytes = grown;
    this.view = viewOf(grown);
    return true;
  }

  static giveBack(scratch: MessageScratch): void {
    if (scratch.bytes.length <= maxIdleBytes) idle = scratch;
  }
}

/** @internal */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
