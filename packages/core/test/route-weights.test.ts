import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routeWeights } from '../src/index.ts';

const shift = fc
  .record({
    percent: fc.integer({ min: 1, max: 100 }),
    allNodes: fc.integer({ min: 1, max: 500 }),
    routerSpansNodes: fc.boolean(),
  })
  .map((drawn) => ({ ...drawn, stageNodes: Math.ceil((drawn.allNodes * drawn.percent) / 100) }));

/** Weight over the whole fleet of the release and of the baseline. */
function totals(input: Parameters<typeof routeWeights>[0]): { readonly candidate: number; readonly all: number } {
  const weights = routeWeights(input);
  const candidate = weights.candidate * input.stageNodes;
  return {
    candidate,
    all:
      candidate +
      weights.baselineOnStage * input.stageNodes +
      weights.baselineElsewhere * (input.allNodes - input.stageNodes),
  };
}

describe('route weights', () => {
  it('give the release its percent of all requests where every node has a baseline', () => {
    fc.assert(
      fc.property(shift, (drawn) => {
        const input = { ...drawn, baselineOnStage: true, baselineElsewhere: drawn.stageNodes < drawn.allNodes };
        const { candidate, all } = totals(input);
        expect(all).toBeCloseTo(100 * drawn.allNodes, 6);
        expect((100 * candidate) / all).toBeCloseTo(drawn.percent, 6);
      }),
    );
  });

  it('never split on nodes and between nodes at once', () => {
    fc.assert(
      fc.property(shift, (drawn) => {
        const weights = routeWeights({
          ...drawn,
          baselineOnStage: true,
          baselineElsewhere: drawn.stageNodes < drawn.allNodes,
        });
        const splitsOnNodes = weights.baselineOnStage > 0 && weights.candidate > 0;
        const splitsBetween =
          weights.baselineElsewhere !== 100 && drawn.stageNodes < drawn.allNodes && drawn.percent < 100;
        if (splitsOnNodes) expect(splitsBetween).toBe(false);
        if (!drawn.routerSpansNodes)
          expect(weights.candidate).toBeLessThanOrEqual(drawn.percent === 100 ? 100 * drawn.allNodes : 100 + 1e-9);
      }),
    );
  });

  it.each([
    [
      'a first deployment',
      {
        percent: 10,
        stageNodes: 1,
        allNodes: 10,
        baselineOnStage: false,
        baselineElsewhere: false,
        routerSpansNodes: true,
      },
      { candidate: 1_000, baselineOnStage: 0, baselineElsewhere: 0 },
    ],
    [
      'the whole fleet',
      {
        percent: 100,
        stageNodes: 10,
        allNodes: 10,
        baselineOnStage: true,
        baselineElsewhere: false,
        routerSpansNodes: true,
      },
      { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    ],
    [
      'one node of one',
      {
        percent: 10,
        stageNodes: 1,
        allNodes: 1,
        baselineOnStage: true,
        baselineElsewhere: false,
        routerSpansNodes: true,
      },
      { candidate: 10, baselineOnStage: 90, baselineElsewhere: 100 },
    ],
    [
      'a second set of nodes',
      {
        percent: 100,
        stageNodes: 5,
        allNodes: 10,
        baselineOnStage: false,
        baselineElsewhere: true,
        routerSpansNodes: true,
      },
      { candidate: 200, baselineOnStage: 0, baselineElsewhere: 0 },
    ],
    [
      'no node at all',
      {
        percent: 100,
        stageNodes: 0,
        allNodes: 10,
        baselineOnStage: false,
        baselineElsewhere: true,
        routerSpansNodes: true,
      },
      { candidate: 0, baselineOnStage: 0, baselineElsewhere: 0 },
    ],
  ])('of %s', (_, input, weights) => {
    expect(routeWeights(input)).toEqual(weights);
  });
});
