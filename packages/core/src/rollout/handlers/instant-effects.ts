import { failed, releaseOf, succeeded, type EffectHandler } from '../effect-handler.ts';

/** @internal */
export const progressHandler: EffectHandler<'progress'> = {
  instant: true,
  begin: () => [],
  check: async () => succeeded(null),
  expectedMs: () => 0,
};

/** @internal */
export const notifyHandler: EffectHandler<'notify'> = {
  instant: true,
  begin: ({ input }) => [{ kind: 'notify', text: input.text, severity: input.severity ?? 'info' }],
  check: async () => succeeded(null),
  expectedMs: () => 0,
};

/** @internal */
export const retireHandler: EffectHandler<'retire'> = {
  instant: true,
  begin: ({ input }, { spec }) => [{ kind: 'retire', nodes: input.nodes, releaseId: releaseOf(input, spec) }],
  check: async () => succeeded(null),
  expectedMs: () => 0,
};

/** Puts a strategy's own finding into the journal, where it can be read even when the strategy catches it. @internal */
export const failHandler: EffectHandler<'fail'> = {
  instant: true,
  begin: () => [],
  check: async ({ input }) =>
    failed({
      cause: input.cause ?? 'strategy',
      message: input.message,
      ...(input.nodes ? { nodes: input.nodes } : {}),
      ...(input.facts === undefined ? {} : { facts: input.facts }),
    }),
  expectedMs: () => 0,
};

/** Ends by a command only. @internal */
export const pauseHandler: EffectHandler<'pause'> = {
  begin: ({ input }) => [
    { kind: 'notify', text: input.reason, severity: 'warning', facts: { accepts: input.accepts } },
  ],
  check: async () => ({}),
  expectedMs: () => null,
};
