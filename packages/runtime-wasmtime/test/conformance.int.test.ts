import { runtimeHostSuite } from '@hotswap/testing';
import { describe, it } from 'vitest';
import { testHost } from './test-host.ts';

describe('the contract of runtime hosts', () => {
  runtimeHostSuite({ test: it, create: async () => await testHost() });
});

describe('the contract of runtime hosts, without a cache', () => {
  runtimeHostSuite({ test: it, create: async () => await testHost({ cacheDirectory: false }) });
});
