import type { EffectInput, EffectValue } from '../effects/effect.ts';
import type { Json } from '../model/json.ts';

/** A verdict, with what it was drawn from for the journal. @public */
export type Judgement = EffectValue<'judge'> & {
  /** Observed values, samples, thresholds and bounds. Absent: the reason says it all. */
  readonly facts?: Json;
};

/**
 * Decides between two variants from what was measured. Pure: a verdict is journalled once and must be explainable from
 * its inputs. Too few samples, missing values and differences that chance explains are `Inconclusive`.
 * @public
 */
export type Judge = (input: EffectInput<'judge'>) => Judgement;
