import type { ReleaseId } from '../model/deployment.ts';
import type { Json } from '../model/json.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { Draft } from './draft.ts';
import { restoreHandler } from './handlers/restore.ts';
import { readEffect } from './effect-schema.ts';
import { effectScope } from './effect-scope.ts';
import type { EngineParts } from './engine-parts.ts';
import { allTargets } from './rollout-state.ts';
import type { EffectOf } from '../effects/effect.ts';

/** How a rollout turns back. @internal */
export interface Turn {
  readonly reason: string;
  readonly then: 'RolledBack' | 'Cancelled' | 'Failed';
  readonly facts?: Json;
  /** Nodes that go back. Default: all. */
  readonly nodes?: NodeSet;
  /** Release that takes over from the baseline. Default: the baseline stays. */
  readonly releaseId?: ReleaseId;
}

/**
 * Turns a rollout back: the decision, the restore's beginning and the restored desired state in one commit. Needs
 * neither the strategy nor its version, so it works when those are lost or have diverged.
 * @internal
 */
export async function turnBack(draft: Draft, parts: EngineParts, { nodes, releaseId, ...turn }: Turn): Promise<void> {
  const { spec } = draft.state;
  const epoch = (await parts.fleet.epoch(draft.live.tenant, spec?.moduleName ?? '')) + 1;
  draft.put({ type: 'turned', to: 'rollback', ...turn, ...(nodes === undefined ? {} : { nodes }) });
  const effect = readEffect({
    kind: 'restore',
    version: 1,
    input: {
      nodes: nodes ?? allTargets(draft.state),
      reason: turn.reason,
      ...(releaseId === undefined ? {} : { releaseId }),
    },
  }) as EffectOf<'restore'>;
  draft.put({ type: 'began', step: draft.state.nextStep, effect });
  draft.live.run = null;
  draft.changes.push({ kind: 'raiseEpoch', epoch }, ...restoreHandler.begin(effect, effectScope(draft, parts)), {
    kind: 'notify',
    severity: 'critical',
    text: `${spec?.moduleName ?? ''}: ${turn.reason}`,
    ...(turn.facts === undefined ? {} : { facts: turn.facts }),
  });
}
