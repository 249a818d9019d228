import type { CandidateNode, NodeSelector, NodeSelectorPlugin } from '@hotswap/core';
import type { z } from 'zod';

/** A selector that is no more than a function over the candidates. @internal */
export function selectorPlugin<Options>(
  name: string,
  optionsSchema: z.ZodType<Options, unknown>,
  choose: (candidates: readonly CandidateNode[], options: Options) => readonly CandidateNode[],
): NodeSelectorPlugin<Options> {
  return {
    name,
    optionsSchema,
    create: (options): NodeSelector => ({
      name,
      select: (candidates) => choose(candidates, options).map(({ nodeId }) => nodeId),
    }),
  };
}
