/** Something that can be chosen: a name and its relative weight, 0 for never. @public */
export interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/**
 * Chooses by weight, at random. `undefined` when all weights are 0.
 * @param fraction at least 0 and below 1.
 * @public
 */
export function chooseByWeight<T extends Weighted>(items: readonly T[], fraction: number): T | undefined {
  const total = items.reduce((sum, { weight }) => sum + weight, 0);
  let left = fraction * total;
  for (const item of items) {
    left -= item.weight;
    if (item.weight > 0 && left < 0) return item;
  }
  // Rounding can leave a trace of the last share.
  return items.findLast(({ weight }) => weight > 0);
}

/**
 * Chooses by weight so that a key always gets the same item, and moves only to items whose share has grown: weighted
 * rendezvous hashing (each item's score is `-weight / ln(uniform hash of key and name)`, the highest wins). It keeps
 * nothing, so that it holds across restarts, processes and the order of the items.
 * @public
 */
export function chooseByKey<T extends Weighted>(items: readonly T[], key: string): T | undefined {
  let best: T | undefined;
  let bestScore = 0;
  for (const item of items) {
    if (item.weight <= 0) continue;
    const score = -item.weight / Math.log(uniformHash(key, item.name));
    if (best === undefined || score > bestScore) [best, bestScore] = [item, score];
  }
  return best;
}

/**
 * The version that a call goes to: the one it names, else the one its key always gets, else one at random by weight.
 * `undefined` when there is none of that name, or all weights are 0.
 * @param fraction at least 0 and below 1: the chance of this call.
 * @public
 */
export function chooseVersion<T extends Weighted>(
  versions: readonly T[],
  call: { readonly version?: string; readonly stickyKey?: string },
  fraction: number,
): T | undefined {
  const { version, stickyKey } = call;
  if (version !== undefined) return versions.find(({ name }) => name === version);
  return stickyKey === undefined ? chooseByWeight(versions, fraction) : chooseByKey(versions, stickyKey);
}

/** FNV-1a over both texts with murmur3's finish, as a fraction strictly between 0 and 1. */
function uniformHash(key: string, name: string): number {
  let hash = mix(0x811c9dc5, key);
  hash = Math.imul(hash ^ 0xff, 0x01000193);
  hash = mix(hash, name);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

function mix(seed: number, text: string): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash;
}
