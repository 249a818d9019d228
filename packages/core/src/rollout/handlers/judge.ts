import { onlyFinite } from '../../model/metrics.ts';
import { failed, succeeded, type EffectHandler } from '../effect-handler.ts';

const defaultMethod = 'welch';

/** Applies a registered method to what was measured. @internal */
export const judgeHandler: EffectHandler<'judge'> = {
  instant: true,
  begin: () => [],
  async check({ input }, { judges }) {
    const method = input.method ?? defaultMethod;
    const judge = Object.hasOwn(judges, method) ? judges[method] : undefined;
    if (!judge)
      return failed({
        cause: 'metrics',
        message: `No method ${method} is registered to judge variants: known are ${Object.keys(judges).join(', ')}`,
      });
    const { facts, ...judgement } = judge({
      ...input,
      baseline: onlyFinite(input.baseline),
      candidate: onlyFinite(input.candidate),
    });
    return { ...succeeded({ ...judgement }), ...(facts === undefined ? {} : { facts }) };
  },
  expectedMs: () => 0,
};
