import { HotSwapError } from '@hotswap/core';
import { guardLog, type GuardObservation } from '@hotswap/resilience';
import { describe, expect, it } from 'vitest';

const failure = (code: string) => new HotSwapError(code, { message: code, httpStatus: 500, retryable: false }, {});
const call = (origin: GuardObservation['origin'], code?: string): GuardObservation => ({
  ...{ origin, moduleMs: 1, durationMs: 1 },
  ...(code === undefined ? {} : { cause: failure(code) }),
});

describe('guardLog', () => {
  it('writes the words that operators look for, without a line for each call', () => {
    const lines: string[] = [];
    const { onCall, onStateChange } = guardLog((line) => lines.push(line));
    onCall(call('module'));
    onCall(call('fallback', 'HS_RUNTIME_TIMEOUT'));
    onCall(call('none', 'HS_RUNTIME_TRAP'));
    for (const code of ['HS_RUNTIME_UNKNOWN_EXPORT', 'HS_RUNTIME_GUEST_ERROR']) onCall(call('none', code));
    onStateChange('Open');
    for (let calls = 0; calls < 10; calls++) onCall(call('fallback', 'HS_RESILIENCE_OPEN'));
    onStateChange('Closed');
    for (let calls = 0; calls < 10; calls++) onCall(call('fallback', 'HS_RESILIENCE_DISABLED'));
    expect(lines).toEqual([
      'WASM call failed (execution_timeout): answered by the fallback',
      'WASM call failed (HS_RUNTIME_TRAP): no fallback answered',
      'WASM circuit breaker is Open: the fallback does the work',
      'WASM circuit breaker is Closed',
      'WASM is switched off: fallback in use',
    ]);
  });
});
