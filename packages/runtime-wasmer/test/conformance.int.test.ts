import { runtimeHostSuite } from '@hotswap/testing';
import { wasmer } from '@hotswap/runtime-wasmer';
import { describe, it } from 'vitest';

describe('the contract of runtime hosts', () => {
  runtimeHostSuite({
    test: it,
    create: async () => {
      const host = await wasmer();
      return { host, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
    },
  });
});
