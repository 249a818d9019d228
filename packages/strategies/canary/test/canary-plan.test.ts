import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCount, unionNodes, type NodeSet } from '@hotswap/core';
import { canaryStages, stagesFromIncrements } from '../src/canary-plan.ts';

const percentages = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 })
  .map((drawn) => [...drawn.sort((a, b) => a - b), 100]);
/** Targets in several pieces, as a region's are within a larger rollout. */
const targets = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }).map((sizes) => {
  let at = 0;
  return sizes.map((size): NodeSet[number] => {
    const from = at + 3;
    at = from + size;
    return [from, at];
  });
});

describe('the stages of a canary', () => {
  it('have ceil(nodes x percent / 100) nodes each, and end on all of them', () => {
    fc.assert(
      fc.property(targets, percentages, (nodes, stages) => {
        const total = nodeCount(nodes);
        const planned = canaryStages(nodes, stages);
        expect(planned.map((stage) => nodeCount(stage.nodes))).toEqual(
          stages.map((percent) => Math.ceil((total * percent) / 100 - 1e-9)),
        );
        expect(planned.at(-1)?.nodes).toEqual(nodes);
      }),
    );
  });

  it('only ever add nodes, each exactly once', () => {
    fc.assert(
      fc.property(targets, percentages, (nodes, stages) => {
        let reached: NodeSet = [];
        for (const stage of canaryStages(nodes, stages)) {
          expect(nodeCount(reached) + nodeCount(stage.added)).toBe(nodeCount(stage.nodes));
          reached = unionNodes(reached, stage.added);
          expect(reached).toEqual(stage.nodes);
        }
      }),
    );
  });

  it('do not round a whole number up', () => {
    expect(canaryStages([[0, 10]], [10, 30, 70, 100]).map((stage) => nodeCount(stage.nodes))).toEqual([1, 3, 7, 10]);
    expect(canaryStages([[0, 1_000]], [0.1, 55, 100]).map((stage) => nodeCount(stage.nodes))).toEqual([1, 550, 1_000]);
  });

  it('of increments rise to 100', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), (first, step) => {
        const stages = stagesFromIncrements(first, step);
        expect(stages[0]).toBe(Math.min(first, 100));
        expect(stages.at(-1)).toBe(100);
        expect([...stages].sort((a, b) => a - b)).toEqual(stages);
        expect(new Set(stages).size).toBe(stages.length);
      }),
    );
  });

  it('are the percentages that are written, not what binary fractions add up to', () => {
    expect(stagesFromIncrements(10, 1.1).slice(0, 4)).toEqual([10, 11.1, 12.2, 13.3]);
    expect(stagesFromIncrements(1.1, 1.1).slice(-3)).toEqual([97.9, 99, 100]);
    expect(stagesFromIncrements(33.4, 33.3)).toEqual([33.4, 66.7, 100]);
    expect(stagesFromIncrements(0.1, 33.3)).toEqual([0.1, 33.4, 66.7, 100]);
  });
});
