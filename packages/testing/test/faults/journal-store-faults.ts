import {
  defaultHealthCheck,
  genesisHash,
  isHotSwapError,
  type Change,
  type DesiredRelease,
  type DesiredState,
  type JournalBatch,
  type JournalStore,
  type MirrorReport,
  type NodeProgress,
} from '@hotswap/core';
import { createMemoryJournalStoreRig, type JournalStoreRig } from '@hotswap/testing';

type Break = (rig: JournalStoreRig) => Partial<JournalStoreRig>;
type Batches = readonly JournalBatch[];

const append =
  (alter: (batches: Batches, rig: JournalStoreRig) => Batches | Promise<Batches>): Break =>
  (rig) => ({
    store: {
      read: (...args) => rig.store.read(...args),
      append: async (batches) => rig.store.append(await alter(batches, rig)),
    },
  });
const read =
  (
    alter: (store: JournalStore, ...args: Parameters<JournalStore['read']>) => ReturnType<JournalStore['read']>,
  ): Break =>
  (rig) => ({
    store: { read: (...args) => alter(rig.store, ...args), append: (batches) => rig.store.append(batches) },
  });
/** Pretends that a refused append went well. */
const swallow =
  (code: string, instead?: () => never): Break =>
  (rig) => ({
    store: {
      read: (...args) => rig.store.read(...args),
      append: async (batches) => {
        try {
          await rig.store.append(batches);
        } catch (thrown) {
          if (!isHotSwapError(thrown, code)) throw thrown;
          instead?.();
        }
      },
    },
  });
const change = (alter: (change: Change) => readonly Change[]): Break =>
  append((batches) => batches.map((batch) => ({ ...batch, changes: batch.changes.flatMap(alter) })));
const drop = (kind: Change['kind']): Break => change((one) => (one.kind === kind ? [] : [one]));
const head = (when: (batch: JournalBatch) => boolean): Break =>
  append((batches, rig) =>
    Promise.all(
      batches.map(async (batch) =>
        when(batch)
          ? {
              ...batch,
              expectedHead: (await rig.store.read(batch.tenant, batch.deploymentId)).at(-1)?.hash ?? genesisHash,
            }
          : batch,
      ),
    ),
  );
const fleet =
  (patch: (rig: JournalStoreRig) => Partial<JournalStoreRig['fleet']>): Break =>
  (rig) => {
    const original = rig.fleet;
    const methods = Object.fromEntries(
      Object.getOwnPropertyNames(Object.getPrototypeOf(original))
        .filter((name) => name !== 'constructor')
        .map((name) => [
          name,
          (original as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.bind(original),
        ]),
    );
    return { fleet: { ...(methods as unknown as JournalStoreRig['fleet']), ...patch(rig) } };
  };
const progress = (
  method: 'loadProgress' | 'applyProgress' | 'healthProgress',
  alter: (progress: NodeProgress) => NodeProgress,
): Break =>
  fleet((rig) => ({
    [method]: async (...args: unknown[]) =>
      alter(await (rig.fleet[method] as (...all: unknown[]) => Promise<NodeProgress>)(...args)),
  }));
const desired =
  (alter: (state: DesiredState) => DesiredState): Break =>
  (rig) => ({ desired: async (nodeId) => alter(await rig.desired(nodeId)) });
const releases = (alter: (release: DesiredRelease) => DesiredRelease): Break =>
  desired((state) => ({
    ...state,
    modules: state.modules.map((module) => ({ ...module, releases: module.releases.map(alter) })),
  }));

function repeatedly(kind: Change['kind']): Break {
  const seen = new Set<string>();
  return change((one) => {
    const key = one.kind === 'probe' ? one.kind : JSON.stringify(one);
    if (one.kind !== kind || !seen.has(key)) return (seen.add(key), [one]);
    return [];
  });
}

function lastEpoch(onlyCommitted: boolean): Break {
  return (rig) => {
    let epoch = 0;
    const note = (batches: Batches): void =>
      batches.forEach(({ changes }) =>
        changes.forEach((one) => (epoch = one.kind === 'raiseEpoch' || one.kind === 'freeze' ? one.epoch : epoch)),
      );
    const broken = append((batches) => (onlyCommitted ? batches : (note(batches), batches)))(rig);
    const store = broken.store as JournalStore;
    return {
      store: { ...store, append: async (batches) => (await store.append(batches), note(batches)) },
      ...fleet(() => ({ epoch: async () => epoch }))(rig),
    };
  };
}

const probesEndForAll: Break = (rig) => {
  let ended = false;
  return {
    ...append(
      (batches) => (
        (ended ||= batches.some(({ changes }) => changes.some(({ kind }) => kind === 'endProbes'))),
        batches
      ),
    )(rig),
    ...releases(({ probe, ...release }) => (ended || !probe ? release : { ...release, probe }))(rig),
  };
};

const generationAhead: Break = (rig) => ({
  report: async (nodeId, observed) => rig.report(nodeId, { ...observed, generation: observed.generation + 1_000 }),
});
const roundIgnored: Break = (rig) => ({
  report: async (nodeId, observed) => {
    const wanted = new Map(
      (await rig.desired(nodeId)).modules.flatMap((module) =>
        module.releases.map((release) => [release.releaseId, release.probe?.round] as const),
      ),
    );
    await rig.report(nodeId, {
      ...observed,
      releases: observed.releases.map((seen) =>
        seen.health ? { ...seen, health: { ...seen.health, round: wanted.get(seen.releaseId) ?? '' } } : seen,
      ),
    });
  },
});
const statusIs = (from: string, to: JournalBatch['summary']['status']): Break =>
  append((batches) =>
    batches.map((batch) =>
      batch.summary.status === from ? { ...batch, summary: { ...batch.summary, status: to } } : batch,
    ),
  );
const toAllNodes = (kind: 'assign' | 'route'): Break =>
  change((one) =>
    one.kind === 'assign' && kind === 'assign'
      ? [{ ...one, nodes: [[0, 3]] }]
      : one.kind === 'route' && kind === 'route' && one.among[0]?.[0] === 1
        ? [{ ...one, among: [[0, 3]] }]
        : [one],
  );

/** For each clause of the journal store suite a store that breaks it. */
const reported =
  (alter: (instanceId: string, reports: readonly MirrorReport[]) => [string, readonly MirrorReport[]]): Break =>
  (rig) => ({ reportMirrors: (instanceId, reports) => rig.reportMirrors(...alter(instanceId, reports)) });
/** Reports count under whatever step the deployment mirrors at. */
const stepIgnored: Break = (rig) => {
  let now = 0;
  const store = change((one) => {
    if (one.kind === 'mirror') now = one.step;
    return [one];
  })(rig);
  return { ...store, ...reported((id, reports) => [id, reports.map((one) => ({ ...one, step: now }))])(rig) };
};
let routers = 0;

export const journalStoreFaults: Readonly<Record<string, Break>> = {
  'reads nothing of a deployment that it does not know': read(async (store, tenant, id) =>
    id === 'nobody' ? [{ seq: 0 } as never] : store.read(tenant, id),
  ),
  'reads entries back in order and exactly as they were written': read(async (store, ...args) =>
    [...(await store.read(...args))].reverse(),
  ),
  'reads only what follows a sequence number': read((store, tenant, id) => store.read(tenant, id)),
  'keeps journals apart': read((store, tenant, _, after) => store.read(tenant, 'one', after)),
  'hides a journal from another tenant': read((store, _, id, after) => store.read('default', id, after)),
  'refuses an old head with HS_JOURNAL_CONFLICT and writes nothing': swallow('HS_JOURNAL_CONFLICT'),
  'compares the hash of the head and not only its number': head((batch) => batch.expectedHead.startsWith('ef')),
  'refuses the genesis head for a journal that has entries': head(
    (batch) => batch.expectedHead === genesisHash && batch.changes.length === 0,
  ),
  'refuses a head of a journal that has none': head((batch) => batch.deploymentId === 'nobody'),
  'lets exactly one of many concurrent appends win': swallow('HS_JOURNAL_CONFLICT', () => {
    throw new TypeError('a serialization failure of the driver');
  }),
  'writes all batches or none': (rig) => ({
    store: {
      read: (...args) => rig.store.read(...args),
      append: async (batches) => {
        for (const batch of batches) await rig.store.append([batch]);
      },
    },
  }),
  'stores the summary with the entries': append((batches) =>
    batches.map(({ summary: { stage: _stage, ...summary }, ...batch }) => ({ ...batch, summary })),
  ),
  'asks for the wake of a commit, and for none when the commit is refused': append((batches) =>
    batches.map(({ wakeAt: _wakeAt, ...batch }) => batch),
  ),
  'puts messages for people into the outbox': drop('notify'),
  'refuses to open a taken id with HS_DEPLOYMENT_EXISTS': swallow('HS_DEPLOYMENT_EXISTS'),
  'refuses to open a second deployment of a module in an overlapping region set': change((one) =>
    one.kind === 'open' && one.spec.regions === null
      ? [{ ...one, spec: { ...one.spec, regions: ['nowhere'] } }]
      : [one],
  ),
  'holds the claim on a module while a deployment is pending, at work, paused or rolling back': statusIs(
    'RollingBack',
    'RolledBack',
  ),
  'opens exactly one of many concurrent deployments of a module': swallow('HS_DEPLOYMENT_ACTIVE'),
  'freeze raises the epoch of the module and tells nodes nothing': change((one) =>
    one.kind === 'freeze' ? [{ ...one, epoch: 0 }] : [one],
  ),
  'epochs never fall': lastEpoch(true),
  'freeze is refused with HS_DEPLOYMENT_ACTIVE while another deployment is at work on the same nodes':
    swallow('HS_DEPLOYMENT_ACTIVE'),
  'assign makes a release present without traffic, on the named nodes only': toAllNodes('assign'),
  'desired state describes a release whole': releases((release) => ({ ...release, config: {} })),
  'assign tells a node nothing that it was told already, but lets it try again after a failure': repeatedly('assign'),
  'route gives a stage and the other nodes their weights and counts a revision': fleet(() => ({
    routeRevision: async () => 1,
  })),
  'route takes the release out of traffic on nodes that are no longer of the stage': change((one) =>
    one.kind === 'route' ? [{ ...one, among: one.to }] : [one],
  ),
  'route leaves nodes outside of its set alone': toAllNodes('route'),
  'route shares the baseline weight in the proportions of the baseline': releases((release) => ({
    ...release,
    weight: release.weight > 0 && release.weight < 60 ? 20 : release.weight,
  })),
  'a node whose baseline is the release itself gets the weight of the release': change((one) =>
    one.kind === 'retireReplaced'
      ? [{ kind: 'retire', nodes: one.nodes, releaseId: 'v1' }]
      : one.kind === 'restore'
        ? []
        : [one],
  ),
  'probe asks for checks under the deployment and step, and a later probe takes its place': repeatedly('probe'),
  'endProbes ends the checks of its own deployment only': probesEndForAll,
  'probeBaseline asks every baseline release with its own check': releases((release) =>
    release.probe ? { ...release, probe: { ...release.probe, check: defaultHealthCheck } } : release,
  ),
  'retire takes a release from nodes and tells others nothing': drop('retire'),
  'retireReplaced takes what the route no longer names, never the own release': change((one) =>
    one.kind === 'retireReplaced' ? [{ kind: 'retire', nodes: one.nodes, releaseId: 'v1' }] : [one],
  ),
  'restore brings back releases and weights of before and counts a revision': drop('restore'),
  'restore brings a retired baseline back': change((one) =>
    one.kind === 'restore' ? [{ kind: 'retire', nodes: one.nodes, releaseId: 'v2' }] : [one],
  ),
  'restore of a first deployment leaves the module absent': change((one) =>
    one.kind === 'restore' ? [{ kind: 'retireReplaced', nodes: one.nodes }] : [one],
  ),
  'changes of one commit take effect in their order': append((batches) =>
    batches.map((batch) =>
      batch.changes.some(({ kind }) => kind === 'restore')
        ? { ...batch, changes: [...batch.changes].reverse() }
        : batch,
    ),
  ),
  'a refused commit tells nodes nothing': lastEpoch(false),
  'nodes send heartbeats each second while a deployment is at work on them': desired((state) => ({
    ...state,
    heartbeatIntervalMs: 30_000,
  })),
  'candidates are the enabled nodes of the regions, by region and node id': fleet((rig) => ({
    candidates: async (...args) => [...(await rig.fleet.candidates(...args))].reverse(),
  })),
  'candidates tell what a node serves, not what is merely warm': fleet((rig) => ({
    candidates: async (...args) =>
      (await rig.fleet.candidates(...args)).map((node) => ({
        ...node,
        serving: [...node.serving, { releaseId: 'v2', weight: 0 }],
      })),
  })),
  'a node is loading until it reports the generation that it was given': generationAhead,
  'a failure to load is told with position, code and message': progress('loadProgress', (found) => ({
    ...found,
    failures: found.failures.map((failure) => ({ ...failure, position: 0 })),
  })),
  'a failure from before the node was told again counts for nothing': generationAhead,
  'a silent node is unreachable, and what it said before stands': progress('loadProgress', (found) => ({
    ...found,
    pending: found.pending + found.unreachable,
    unreachable: 0,
  })),
  'silent nodes are named where the store names them': progress('loadProgress', (found) => ({ ...found, silent: [] })),
  'at most 20 failures are listed, all are counted': progress('loadProgress', (found) => ({
    ...found,
    failures: [...found.failures, ...found.failures],
  })),
  'applyProgress asks for the generation, and for failures among what is wanted': progress(
    'applyProgress',
    (found) => ({ ...found, done: found.done + found.failed, failed: 0 }),
  ),
  'a node that was told nothing has applied it': progress('applyProgress', (found) => ({
    ...found,
    done: 0,
    pending: found.done,
  })),
  'health counts only for the round of its step': roundIgnored,
  'an unhealthy node is told with what its check said': progress('healthProgress', (found) => ({
    ...found,
    failures: [],
  })),
  'the baseline is healthy when each of its releases is': progress('healthProgress', (found) => ({
    ...found,
    done: found.done + found.failed,
    failed: 0,
  })),
  'retained names deployments whose replaced release is still warm, by region': fleet((rig) => ({
    retained: (tenant, name) => rig.fleet.retained(tenant, name, null),
  })),
  'mirror raises the revision of the route and tells nodes nothing': drop('mirror'),
  'a mirror counts what all routers report': reported((_, reports) => ['one', reports]),
  'a later report of a router takes the place of its earlier one': reported((_, reports) => [
    `router-${String(routers++)}`,
    reports,
  ]),
  'a mirror shows differences of every router': reported((id, reports) => [
    id,
    reports.map((one) => ({ ...one, examples: [] })),
  ]),
  'reports of other steps and of deployments without a mirror are passed over': stepIgnored,
  'a mirror of a later step begins to count anew': change((one) =>
    one.kind === 'mirror' ? [{ ...one, step: 1 }] : [one],
  ),
  'endMirror raises the revision and forgets what was counted': drop('endMirror'),
  'endMirror without a mirror changes nothing': change((one) =>
    one.kind === 'endMirror' ? [{ kind: 'mirror', releaseId: 'v3', step: 1, percent: 1, compare: {} }, one] : [one],
  ),
  'one append executes a deployment and ends the retention of the one that it replaces': append((batches) =>
    batches.slice(0, 1),
  ),
};

/** The in-memory store with a fault. */
export async function brokenJournalStoreRig(fault: Break): Promise<JournalStoreRig> {
  const rig = await createMemoryJournalStoreRig();
  return { ...rig, ...fault(rig) };
}
