/** Bytes `[from, to)`. @internal */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads a `Range` header. Anything but one range of bytes is passed over, as the standard allows.
 * @returns `null` for the whole content
 * @internal
 */
export function readRange(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | null {
  const parts = header === undefined ? null : /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (!parts || (parts[1] === '' && parts[2] === '')) return null;
  const last = parts[2] === '' ? undefined : Number(parts[2]);
  if (parts[1] === '')
    return last === 0 || sizeBytes === 0
      ? 'unsatisfiable'
      : { from: Math.max(0, sizeBytes - (last ?? 0)), to: sizeBytes };
  const from = Number(parts[1]);
  if (last !== undefined && last < from) return null;
  return from >= sizeBytes ? 'unsatisfiable' : { from, to: Math.min(sizeBytes, (last ?? sizeBytes - 1) + 1) };
}
