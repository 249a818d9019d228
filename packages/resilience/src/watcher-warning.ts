import process from 'node:process';

/**
 * Calls a function that only watches. One that throws must not decide over what it watches: the process is told instead.
 * @internal
 */
export function tellWatcher(name: 'onCall' | 'onStateChange', tell: () => void): void {
  try {
    tell();
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning(`The ${name} function of a guarded module failed: ${reason}`, 'HotSwapWarning');
  }
}
