import type { Steps } from '../contracts/strategy.ts';
import type { Effect, EffectInput, EffectKind, EffectResult, EffectValue } from './effect.ts';
import { StageFailed } from './stage-failed.ts';

/** Makes a typed step out of an effect: `const { command } = yield* pause({ ... })`. @public */
export type EffectCreator<K extends EffectKind> = (input: EffectInput<K>) => Steps<EffectValue<K>>;

/** Only here does a failed result become an exception; the journal holds results and nothing else. */
function creator<K extends EffectKind>(kind: K): EffectCreator<K> {
  return function* (input) {
    const result = (yield { kind, version: 1, input } as unknown as Effect) as EffectResult<EffectValue<K>>;
    if (!result.ok) throw new StageFailed(result.failure);
    return result.value;
  };
}

/** Makes a release present, verified and warm on nodes, at weight 0. @throws StageFailed @public */
export const deploy: EffectCreator<'deploy'> = creator('deploy');
/** Waits until the health checks of the nodes have a verdict. @throws StageFailed @public */
export const verify: EffectCreator<'verify'> = creator('verify');
/** Lets time pass while triggers, and health checks when asked, are watching. @throws StageFailed @public */
export const wait: EffectCreator<'wait'> = creator('wait');
/** Changes which release requests get, atomically. @throws StageFailed @public */
export const shiftTraffic: EffectCreator<'shiftTraffic'> = creator('shiftTraffic');
/** Copies requests to a release without traffic and compares its answers. @throws StageFailed @public */
export const mirror: EffectCreator<'mirror'> = creator('mirror');
/** Measures both variants over a period. @throws StageFailed @public */
export const observe: EffectCreator<'observe'> = creator('observe');
/** Decides between two variants. @public */
export const judge: EffectCreator<'judge'> = creator('judge');
/** Says how far the rollout is. @public */
export const progress: EffectCreator<'progress'> = creator('progress');
/** Stops until a person answers. @public */
export const pause: EffectCreator<'pause'> = creator('pause');
/** Records a failure that the strategy itself found, and throws it. @throws StageFailed @public */
export const fail: EffectCreator<'fail'> = creator('fail');
/** Takes a release away from nodes. @public */
export const retire: EffectCreator<'retire'> = creator('retire');
/** Brings nodes back to the baseline. @public */
export const restore: EffectCreator<'restore'> = creator('restore');
/** Tells people something. @public */
export const notify: EffectCreator<'notify'> = creator('notify');
