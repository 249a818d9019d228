import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nodeCount, nodeSetOf, subtractNodes } from '@hotswap/core';
import { environmentsOf } from '../src/blue-green-plan.ts';

it('Blue and Green share the targets without a node in common; in place Green is all of them', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), (serves) => {
      const targets = nodeSetOf(serves.keys());
      const running = nodeSetOf([...serves.keys()].filter((at) => serves[at]));
      const { blue, green, both } = environmentsOf(targets, running, 'separate');
      expect(nodeCount(blue) + nodeCount(green)).toBe(serves.length);
      expect(subtractNodes(green, blue)).toEqual(green);
      expect(both).toEqual(targets);
      expect(environmentsOf(targets, running, 'in-place')).toEqual({ blue: running, green: targets, both: targets });
    }),
  );
});
