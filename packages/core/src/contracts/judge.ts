import type { EffectInput, EffectValue } from '../effects/effect.ts';

/**
 * Decides between two variants from what was measured. Pure: a verdict is journalled once and must be explainable from
 * its inputs. Too few samples, missing values and differences that chance explains are `Inconclusive`.
 * @public
 */
export type Judge = (input: EffectInput<'judge'>) => EffectValue<'judge'>;
