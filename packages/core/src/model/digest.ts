import { z } from 'zod';
import { sha256OfBytes } from './sha256-of-bytes.ts';

/** SHA-256 of a module's bytes as 64 lower-case hex digits. @public */
export type Digest = string;

/** Accepts 64 lower-case hex digits and nothing else: a digest becomes a storage key. @public */
export const digestSchema: z.ZodType<Digest> = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** Up to this length the way to the platform's digest and back takes longer than the digest. */
const mostBytesAtOnce = 16_384;

/** SHA-256 of text (as UTF-8) or bytes, in lower-case hex. @public */
export async function sha256Hex(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const hash =
    bytes.length <= mostBytesAtOnce
      ? sha256OfBytes(bytes)
      : // eslint-disable-next-line no-restricted-globals -- the digest is a pure function of its bytes, there in every JavaScript engine
        new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
