import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { moduleStoreSuite } from '@hotswap/testing';
import { fsModuleStore } from '../src/index.ts';

describe('fsModuleStore', () => {
  moduleStoreSuite({
    test: it,
    create: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'hotswap-store-'));
      return {
        store: await fsModuleStore({ directory }),
        [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
      };
    },
  });
});
