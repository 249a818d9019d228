import { totalmem } from 'node:os';

/**
 * Memory that this node may use: that of the machine, or of its container where that has less.
 * @internal
 */
export function totalMemoryBytes(): number {
  // 0, or more than there is, where nothing limits it.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What of it is taken, by whatever shares it. @internal */
export function usedMemoryBytes(): number {
  return Math.max(0, totalMemoryBytes() - process.availableMemory());
}
