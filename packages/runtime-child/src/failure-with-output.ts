import { isHotSwapError } from '@hotswap/core';
import { type RuntimeChildErrorCode, runtimeChildError, runtimeChildErrorCodes } from './error-codes.ts';
import type { GuestOutput } from './guest-output.ts';

/** Bytes of a stream that a failure shows. */
const maxShownBytes = 2_000;

/** Characters that move a cursor, turn the direction of writing, or otherwise do more than be read. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The error with the head of what the guest had written in its details, as text that does nothing to whoever shows it.
 * @internal
 */
export function failureWithOutput(error: unknown, output: GuestOutput | undefined): unknown {
  if (output === undefined || !isHotSwapError(error) || !Object.hasOwn(runtimeChildErrorCodes, error.code))
    return error;
  const details = {
    ...error.details,
    ...shownDetail('stdout', output.stdout),
    ...shownDetail('stderr', output.stderr),
  };
  return runtimeChildError(error.code as RuntimeChildErrorCode, details, error.cause);
}

function shownDetail(name: 'stdout' | 'stderr', bytes: Uint8Array): Readonly<Record<string, string>> {
  return bytes.length === 0 ? {} : { [name]: shown(bytes) };
}

function shown(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, maxShownBytes)).toString();
  const harmless = text.replaceAll(acting, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`);
  return bytes.length > maxShownBytes ? `${harmless}…` : harmless;
}
