/**
 * Chooses a release for a request that is not pinned. Without a key at random by weight; with one by weighted
 * rendezvous hashing, so that as a weight grows keys only ever move towards it.
 * @internal
 */
export function chooseRelease(weights: ReadonlyMap<string, number>, stickyKey: string | undefined): string | undefined {
  if (weights.size === 1) return weights.keys().next().value;
  return stickyKey === undefined ? chooseAtRandom(weights) : chooseByKey(weights, stickyKey);
}

function chooseAtRandom(weights: ReadonlyMap<string, number>): string | undefined {
  let total = 0;
  for (const weight of weights.values()) total += weight;
  let left = Math.random() * total;
  let last: string | undefined;
  for (const [release, weight] of weights) {
    last = release;
    left -= weight;
    if (left < 0) break;
  }
  return last;
}

function chooseByKey(weights: ReadonlyMap<string, number>, key: string): string | undefined {
  let best: string | undefined;
  let bestScore = -1;
  for (const [release, weight] of weights) {
    const score = weight / -Math.log(unitHash(`${release}\n${key}`));
    if (score > bestScore) {
      best = release;
      bestScore = score;
    }
  }
  return best;
}

/** FNV-1a with a final mix, as a number strictly between 0 and 1. */
function unitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 4_294_967_296;
}
