import type { Change, DeploymentSpec } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { assignRelease } from './assign-release.ts';
import { freezeTargets, raiseEpoch } from './freeze-targets.ts';
import { beginMirror, endMirror } from './mirror-requests.ts';
import { endProbes, probeBaseline, probeRelease } from './probe-releases.ts';
import { restoreBaseline } from './restore-baseline.ts';
import { retireReplaced, retireRelease } from './retire-releases.ts';
import { raiseRevision, shiftRoute } from './shift-route.ts';
import { toText } from '../database/to-jsonb.ts';

/** What a change is applied to. @internal */
export interface ChangeTarget {
  readonly tenant: string;
  readonly deploymentId: string;
  readonly moduleName: string;
  /** The deployment's own release. */
  readonly releaseId: DeploymentSpec['releaseId'];
}

/** What others have to hear of once the change is committed. @internal */
export interface ChangeEffects {
  readonly desired: boolean;
  readonly route: boolean;
}

const quiet: ChangeEffects = { desired: false, route: false };
const desired: ChangeEffects = { desired: true, route: false };
const routed: ChangeEffects = { desired: true, route: true };
const routedOnly: ChangeEffects = { desired: false, route: true };

const insertMessage = statement(
  'insert_outbox',
  `insert into outbox (tenant, deployment_id, text, severity, facts) values ($1, $2, $3, $4, $5)`,
);

type ChangeHandler<K extends Change['kind']> = (
  session: Session,
  target: ChangeTarget,
  change: Extract<Change, { kind: K }>,
) => Promise<ChangeEffects>;

/** One handler per kind; the compiler sees to it that none is missing. `open` has been carried out with the row itself. */
const handlers: { readonly [K in Change['kind']]: ChangeHandler<K> } = {
  open: () => Promise.resolve(quiet),
  freeze: async (session, target, change) => {
    await freezeTargets(session, target.tenant, target.deploymentId, change);
    return quiet;
  },
  raiseEpoch: async (session, target, change) => {
    await raiseEpoch(session, target.tenant, target.moduleName, change.epoch);
    return quiet;
  },
  assign: async (session, target, change) => {
    await assignRelease(session, target, change);
    return desired;
  },
  probe: async (session, target, change) => {
    await probeRelease(session, target, change);
    return desired;
  },
  probeBaseline: async (session, target, change) => {
    await probeBaseline(session, target, change);
    return desired;
  },
  endProbes: async (session, target) => ((await endProbes(session, target)) ? desired : quiet),
  route: async (session, target, change) => {
    await shiftRoute(session, target, change);
    return routed;
  },
  mirror: async (session, target, change) => {
    await beginMirror(session, target, change);
    return routedOnly;
  },
  endMirror: async (session, target) => ((await endMirror(session, target)) ? routedOnly : quiet),
  retire: async (session, target, change) => outOfRoute(session, target, await retireRelease(session, target, change)),
  retireReplaced: async (session, target, change) =>
    outOfRoute(session, target, await retireReplaced(session, target, change, target.releaseId)),
  restore: async (session, target, change) => {
    await restoreBaseline(session, target, change);
    return routed;
  },
  notify: async (session, target, { text, severity, facts }) => {
    await session.execute(insertMessage, [
      target.tenant,
      target.deploymentId,
      toText(text),
      severity,
      facts === undefined ? null : JSON.stringify(facts),
    ]);
    return quiet;
  },
};

async function outOfRoute(session: Session, target: ChangeTarget, wasRouted: boolean): Promise<ChangeEffects> {
  if (!wasRouted) return desired;
  await raiseRevision(session, target.tenant, target.moduleName);
  return routed;
}

/** Applies one change of a batch inside the transaction that writes its entries. @internal */
export function applyChange(session: Session, target: ChangeTarget, change: Change): Promise<ChangeEffects> {
  return (handlers[change.kind] as ChangeHandler<Change['kind']>)(session, target, change);
}
