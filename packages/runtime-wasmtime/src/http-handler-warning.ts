import process from 'node:process';

const warnEachMs = 1_000;
let lastMs = Number.NEGATIVE_INFINITY;
let unsaid = 0;

/**
 * Tells the process that a function given to an HTTP plane has failed: its client learns nothing of the reason. At most
 * once a second, because a broken handler breaks for every request.
 * @internal
 */
export function warnOfHandler(name: 'fallback' | 'authorize' | 'onAccess' | 'onOutput', error: unknown): void {
  const nowMs = performance.now();
  if (nowMs - lastMs < warnEachMs) {
    unsaid++;
    return;
  }
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const more = unsaid > 0 ? ` (and ${String(unsaid)} more since the last warning)` : '';
  lastMs = nowMs;
  unsaid = 0;
  process.emitWarning(`The ${name} function of an HTTP plane failed${more}: ${reason}`, {
    code: 'HS_RUNTIME_HTTP_HANDLER_FAILED',
  });
}
