import { describe, it } from 'vitest';
import { createMemoryJournalStoreRig, journalStoreSuite } from '@hotswap/testing';

describe('MemoryJournalStore', () => {
  journalStoreSuite({ test: it, create: createMemoryJournalStoreRig });
});
