import { describe, expect, it } from 'vitest';
import { CompletionQueue } from '../src/completion-queue.ts';
import type { NativeBinding } from '../src/load-native-binding.ts';

/** A dispatcher whose calls are answered when the test says so. */
const fakeNative = (): {
  readonly native: NativeBinding;
  readonly answer: (callId: number, value: unknown) => void;
} => {
  let tell: ((batch: unknown[]) => void) | undefined;
  class Dispatcher {
    constructor(onBatch: (batch: unknown[]) => void) {
      tell = onBatch;
    }
    cancel(): void {}
    close(): void {}
  }
  return {
    native: { Dispatcher } as unknown as NativeBinding,
    answer: (callId, value) => tell?.([callId, undefined, value, undefined]),
  };
};

describe('CompletionQueue', () => {
  it('loses no place to a call whose signal is none', async () => {
    const { native, answer } = fakeNative();
    const queue = new CompletionQueue(native);
    const first = queue.submit((_, callId) => queueMicrotask(() => answer(callId, 'one')));
    expect((await first).value).toBe('one');
    const notASignal = new AbortController() as unknown as AbortSignal;
    await expect(queue.submit(() => expect.unreachable(), notASignal)).rejects.toMatchObject({
      code: 'HS_RUNTIME_INVALID_ARGUMENT',
      details: { path: 'options.signal' },
    });
    expect(queue.pending).toBe(0);
    await queue.close();
  });
});
