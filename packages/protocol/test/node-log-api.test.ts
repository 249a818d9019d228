import { describe, expect, it } from 'vitest';
import { nodeLogBatchSchema } from '@hotswap/protocol';

const batchWith = (id: string): unknown => ({
  lines: [
    {
      ...{ id, at: '2026-03-01T00:00:00.000Z', moduleName: 'greeter', releaseId: null, version: null },
      ...{ level: 'info', stream: 'stdout', text: 'well' },
    },
  ],
  next: '0123abcd.n7',
  hasMore: false,
});

describe('lines of a node', () => {
  it('have ids that a reader can go on after', () => {
    expect(nodeLogBatchSchema.parse(batchWith('0123abcd.m6'))).toEqual(batchWith('0123abcd.m6'));
  });

  it.each(['', '7', '0123abcd.m6\n', 'a\nevent: deployment.changed', '0123ABCD.m6'])(
    'are refused under an id that would say something else in a stream of events: %j',
    (id) => {
      expect(nodeLogBatchSchema.safeParse(batchWith(id)).error?.issues[0]?.path).toEqual(['lines', 0, 'id']);
    },
  );
});
