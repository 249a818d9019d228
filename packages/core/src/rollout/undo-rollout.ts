import { hotSwapError } from '../errors/hotswap-error.ts';
import type { ReleaseId } from '../model/deployment.ts';
import { nodeCount, unionNodes, type NodeSet } from '../model/node-set.ts';
import type { CommandRequest } from './command-request.ts';
import type { Draft } from './draft.ts';
import type { EngineParts } from './engine-parts.ts';
import { allTargets, hasChanged, type RolloutState } from './rollout-state.ts';
import { turnBack } from './turn-back.ts';

/**
 * Rollback and abort: everything goes back to the baseline, or, where a rollback says so, some regions do, or another
 * release takes over from the baseline.
 * @throws HS_DEPLOYMENT_COMMAND_REFUSED, HS_SELECT_UNKNOWN_REGION
 * @internal
 */
export async function undoRollout(
  draft: Draft,
  parts: EngineParts,
  { command, actor, options }: CommandRequest,
): Promise<void> {
  const { state } = draft;
  const then = command === 'abort' ? 'Cancelled' : 'RolledBack';
  const reason = options.reason ?? (command === 'abort' ? `Aborted by ${actor}` : `Rolled back by ${actor}`);
  const nodes = command === 'rollback' && options.regions ? nodesOf(state, options.regions) : undefined;
  const releaseId = command === 'rollback' ? otherRelease(state, options.toReleaseId) : undefined;
  if (!hasChanged(state) && releaseId === undefined) {
    draft.put({ type: 'closed', status: then, reason });
    return;
  }
  await turnBack(draft, parts, {
    reason,
    then,
    ...(nodes === undefined ? {} : { nodes }),
    ...(releaseId === undefined ? {} : { releaseId }),
  });
}

/** Nodes of some regions; absent when that is all of them. */
function nodesOf(state: RolloutState, regions: readonly string[]): NodeSet | undefined {
  const known = state.frozen?.regions ?? {};
  const unknown = regions.find((region) => !Object.hasOwn(known, region));
  if (unknown !== undefined)
    throw hotSwapError('HS_SELECT_UNKNOWN_REGION', { region: unknown, known: Object.keys(known).join(', ') });
  const nodes = regions.reduce<NodeSet>((all, region) => unionNodes(all, known[region] ?? []), []);
  if (nodeCount(nodes) === nodeCount(allTargets(state))) return undefined;
  if (state.phase !== 'retention')
    throw refused(
      state,
      'a part of a rollout that is under way cannot go back: roll all of it back, or wait for its end',
    );
  return nodes;
}

/** The release that shall take over; absent when it is what every node served before anyway. */
function otherRelease(state: RolloutState, asked: ReleaseId | undefined): ReleaseId | undefined {
  if (asked === undefined) return undefined;
  if (asked === state.spec?.releaseId) throw refused(state, `${asked} is the release that would be rolled back`);
  const baseline = state.frozen?.baseline ?? [];
  const isBaseline = baseline.every(({ releases }) => releases.length === 1 && releases[0]?.releaseId === asked);
  return isBaseline && baseline.length > 0 ? undefined : asked;
}

function refused({ status }: RolloutState, why: string): Error {
  return hotSwapError('HS_DEPLOYMENT_COMMAND_REFUSED', { command: 'rollback', status, why });
}
