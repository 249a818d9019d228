import type { Instant } from '../model/deployment.ts';
import { durationMs } from '../model/duration.ts';
import { knowsEffect } from './effect-schema.ts';
import { handlerOf } from './effect-handlers.ts';
import type { RolloutState } from './rollout-state.ts';

/**
 * When a rollout counts as stuck: `progressDeadline` after its running effect should have ended by its own input.
 * Paused for that, it has been stuck since then. Absent while it is held for something else, waits for people, or is not
 * rolling out. A resume starts the clock anew.
 * @internal
 */
export function stuckAt(state: RolloutState): Instant | undefined {
  if (state.phase !== 'rollout' || !state.spec) return undefined;
  if (state.held) return state.held.why === 'stuck' ? state.held.since : undefined;
  const graceMs = durationMs(state.spec.progressDeadline);
  const { running } = state;
  if (!running) return Math.max(state.at, state.freedAt) + graceMs;
  if (running.effect.kind === 'retain') return undefined;
  const from = Math.max(running.movedAt, state.freedAt);
  const expectedMs = knowsEffect(running.effect)
    ? handlerOf(running.effect.kind).expectedMs(running.effect, state.spec, from)
    : 0;
  return expectedMs === null ? undefined : from + expectedMs + graceMs;
}
