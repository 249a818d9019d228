import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestOutput } from './guest-output.ts';

/** Layout of the page, which `native/src/left_behind.rs` fills: two lengths, then two heads. */
const pageBytes = 4_096;
const headersBytes = 8;
const maxHeadBytes = 2_001;

/**
 * A page of memory that is shared with a child, in which it notes the head of what its guest writes: what a child that is
 * ended, or ends by itself, leaves behind. Empty between two requests.
 * @internal
 */
export class LeftBehindFile {
  /** To be inherited by the child. */
  readonly descriptor: number;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** `undefined` where no file can be made: then a child that ends leaves nothing behind. */
  static create(): LeftBehindFile | undefined {
    for (const folder of [tmpdir(), '/dev/shm']) {
      try {
        return new LeftBehindFile(namelessFile(folder));
      } catch {
        // The next folder may be one that can be written to.
      }
    }
    return undefined;
  }

  /** What the request that the child works on has written. `undefined`: nothing. */
  read(): GuestOutput | undefined {
    const page = Buffer.alloc(pageBytes);
    readSync(this.descriptor, page, 0, pageBytes, 0);
    const [stdout, stderr] = [head(page, 0), head(page, 1)];
    if (stdout.length === 0 && stderr.length === 0) return undefined;
    return { stdout, stderr, stdoutDroppedBytes: 0, stderrDroppedBytes: 0 };
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function namelessFile(folder: string): number {
  const path = join(folder, `hotswap-${randomUUID()}`);
  const descriptor = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  ftruncateSync(descriptor, pageBytes);
  return descriptor;
}

function head(page: Buffer, stream: 0 | 1): Uint8Array {
  const lengthBytes = Math.min(maxHeadBytes, new DataView(page.buffer, page.byteOffset).getUint32(stream * 4, true));
  const start = headersBytes + stream * maxHeadBytes;
  return page.subarray(start, start + lengthBytes);
}
