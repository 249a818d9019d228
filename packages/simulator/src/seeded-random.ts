const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/**
 * A number in [0, 1) that depends on the seed and the texts alone, never on what was asked before: adding a fault to a
 * scenario leaves everything else as it was.
 * @internal
 */
export function seededFraction(seed: number, ...texts: readonly (string | number)[]): number {
  let hash = (fnvOffset ^ seed) >>> 0;
  for (const text of texts) {
    const part = String(text);
    for (let i = 0; i < part.length; i++) hash = Math.imul(hash ^ part.charCodeAt(i), fnvPrime) >>> 0;
    hash = Math.imul(hash ^ 0x1f, fnvPrime) >>> 0;
  }
  // The finaliser of MurmurHash3: neighbouring names must not give neighbouring numbers.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}
