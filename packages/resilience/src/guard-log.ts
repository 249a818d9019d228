import { isHotSwapError } from '@hotswap/core';
import { isModuleFailure, type GuardOptions } from './guard-options.ts';

/**
 * Writes what a guard does as lines that say `WASM`, `fallback` and, for calls that used up their time,
 * `execution_timeout`. Each failure of the module is a line; while the breaker is open its change is the only one.
 * @public
 */
export function guardLog(write: (line: string) => void): Required<Pick<GuardOptions, 'onCall' | 'onStateChange'>> {
  let isOff = false;
  return {
    onStateChange: (state) =>
      write(`WASM circuit breaker is ${state}${state === 'Open' ? ': the fallback does the work' : ''}`),
    onCall: ({ origin, cause }) => {
      const wasOff = isOff;
      isOff = isHotSwapError(cause, 'HS_RESILIENCE_DISABLED');
      if (isOff && !wasOff) write(`WASM is switched off: ${origin === 'fallback' ? 'fallback in use' : 'calls fail'}`);
      if (cause === undefined || isOff || isHotSwapError(cause, 'HS_RESILIENCE_OPEN')) return;
      // The caller's own mistake, or an answer that says no.
      if (origin === 'none' && !isModuleFailure(cause)) return;
      const why = isHotSwapError(cause, 'HS_RUNTIME_TIMEOUT') ? 'execution_timeout' : cause.message;
      write(
        `WASM call failed (${why}): ${origin === 'fallback' ? 'answered by the fallback' : 'no fallback answered'}`,
      );
    },
  };
}
