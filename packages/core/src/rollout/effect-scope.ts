import { hotSwapError } from '../errors/hotswap-error.ts';
import type { Draft } from './draft.ts';
import type { EffectScope } from './effect-handler.ts';
import type { EngineParts } from './engine-parts.ts';
import type { NodeSet } from '../model/node-set.ts';
import { activeTimes, type RunningStep } from './rollout-state.ts';
import { trafficWindow } from './traffic-window.ts';

/** What the handler of the running step may read. @internal */
export function effectScope(draft: Draft, parts: EngineParts): EffectScope {
  const { spec, frozen, running } = draft.state;
  if (!spec || !frozen || !running) {
    throw hotSwapError('HS_JOURNAL_CORRUPT', {
      deploymentId: draft.live.deploymentId,
      seq: draft.state.seq,
      why: 'an effect runs in a deployment that was not executed',
    });
  }
  const { fleet, metrics, router, judges } = parts;
  return {
    spec,
    frozen,
    step: running.step,
    since: running.since,
    cursor: running.cursor,
    now: draft.now,
    ...activeTimes(draft.state, draft.now),
    fleet,
    metrics,
    router,
    judges,
    shiftedAt: trafficWindow(draft.state, scopeOf(running))?.since ?? null,
  };
}

const scopeOf = ({ effect }: RunningStep): NodeSet | undefined => (effect.kind === 'retain' ? undefined : effect.scope);
