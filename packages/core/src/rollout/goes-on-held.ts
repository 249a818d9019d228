import type { DeploymentSpec } from '../model/deployment.ts';
import type { EngineEffect, HoldReason } from './journal-entry.ts';

/** The part of a rollout's state that decides it. */
interface Held {
  readonly spec: DeploymentSpec | null;
  readonly held: { readonly why: HoldReason } | null;
  readonly running: { readonly effect: EngineEffect } | null;
}

/**
 * Whether a hold lets an effect begin and end: it takes the release back, or changes nothing that anybody is served by.
 * Everything else waits, for it would bring the release further.
 * @internal
 */
export function goesOnHeld({ spec }: Pick<Held, 'spec'>, effect: EngineEffect): boolean {
  switch (effect.kind) {
    case 'restore':
    case 'fail':
    case 'notify':
    case 'pause':
    case 'progress':
      return true;
    case 'shiftTraffic':
      return effect.input.percent === 0 && isOwn(spec, effect.input);
    case 'retire':
      return isOwn(spec, effect.input);
    default:
      return false;
  }
}

const isOwn = (spec: Held['spec'], { releaseId }: { readonly releaseId?: string }): boolean =>
  releaseId === undefined || releaseId === spec?.releaseId;

/**
 * Whether the running step goes on, and its clock with it: always while nothing is held, and in a hold that step that it
 * lets go on. Where every node is offline there is nobody who could carry anything out.
 * @internal
 */
export function isAtWork({ held, running, spec }: Held): boolean {
  if (!held) return true;
  return running !== null && held.why !== 'offline' && goesOnHeld({ spec }, running.effect);
}
