import {
  isHotSwapError,
  nodeCount,
  replayJournal,
  subtractNodes,
  unionNodes,
  verifyJournal,
  type DeploymentStatus,
  type JournalEntry,
  type NodeSet,
  type Strategy,
} from '@hotswap/core';

/** What was seen of a system while deployments of one module ran. Whatever was not watched is left out. @public */
export interface RolloutHistory {
  readonly journals: readonly (readonly JournalEntry[])[];
  /** What nodes said that they had applied, in the order in which it came. */
  readonly reports?: readonly { readonly nodeId: string; readonly generation: number }[];
  /** Positions to which requests for a deployment's release went after its entry `seq` was stored. */
  readonly served?: readonly { readonly deploymentId: string; readonly seq: number; readonly nodes: NodeSet }[];
  /** How many of all requests for a deployment's module had somewhere to go after its entry `seq` was stored: sum of weights. */
  readonly routed?: readonly { readonly deploymentId: string; readonly seq: number; readonly weight: number }[];
  /** Release trains as they are in the end, with their deployments in the order in which they go. */
  readonly trains?: readonly TrainHistory[];
  /** Every node once nothing happens any more. */
  readonly nodes?: readonly {
    readonly nodeId: string;
    readonly isReachable: boolean;
    /** Releases that it has, by what it knows itself. */
    readonly releases: readonly string[];
  }[];
  /** Whether everything was given the time that it needs: then every deployment has to have ended, or say why not. */
  readonly isOver?: boolean;
}

/** A release train as a history knows it. @public */
export interface TrainHistory {
  readonly trainId: string;
  readonly status: DeploymentStatus;
  readonly members: readonly string[];
}

/** Ends after which no node may have the release. */
const undone: readonly string[] = ['RolledBack', 'Cancelled'];

/**
 * Holds a history against the invariants I1 to I6, I11 and I12 of rollouts, and against what a release train promises.
 * @param strategies - With them every journal is replayed, too.
 * @returns what is wrong, a sentence each; empty when nothing is
 * @public
 */
export async function historyViolations(
  history: RolloutHistory,
  strategies?: readonly Strategy<unknown>[],
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const entries of history.journals) {
    wrong.push(...(await chainViolations(entries)), ...orderViolations(entries));
    wrong.push(...routeViolations(entries, history), ...allowanceViolations(entries, history));
    wrong.push(...endViolations(entries, history));
    if (strategies) wrong.push(...replayViolations(entries, strategies));
  }
  for (const journals of Map.groupBy(history.journals, moduleOf).values()) wrong.push(...epochViolations(journals));
  return [...wrong, ...reportViolations(history.reports ?? []), ...trainViolations(history)];
}

const nameOf = (entries: readonly JournalEntry[]): string =>
  entries[0]?.type === 'created' ? entries[0].spec.deploymentId : 'a deployment that was not created';

const moduleOf = (entries: readonly JournalEntry[]): string =>
  entries[0]?.type === 'created' ? `${entries[0].spec.tenant}/${entries[0].spec.moduleName}` : '';

/** I3: numbers without gaps, an unbroken chain, contents that match their hashes. */
async function chainViolations(entries: readonly JournalEntry[]): Promise<readonly string[]> {
  try {
    await verifyJournal(nameOf(entries), entries);
    return [];
  } catch (error) {
    if (!isHotSwapError(error)) throw error;
    return [`I3: ${error.message}`];
  }
}

/** I3, I12: time does not run backwards, and what happens once happens once. */
function orderViolations(entries: readonly JournalEntry[]): readonly string[] {
  const wrong: string[] = [];
  const say = (id: string, text: string): void => void wrong.push(`${id}: ${nameOf(entries)}: ${text}`);
  let open: number | undefined;
  let steps = 0;
  let isClosed = false;
  for (const [seq, entry] of entries.entries()) {
    if (entry.at < (entries[seq - 1]?.at ?? entry.at)) say('I3', `entry ${seq} is earlier than the one before it`);
    if (
      isClosed &&
      entry.type !== 'command' &&
      entry.type !== 'turned' &&
      entry.type !== 'began' &&
      entry.type !== 'closed'
    )
      say('I12', `entry ${seq} (${entry.type}) comes after the end`);
    if (entry.type === 'began') {
      if (entry.step !== steps) say('I12', `step ${entry.step} began where ${steps} was due`);
      steps = entry.step + 1;
      open = entry.step;
    }
    if (entry.type === 'ended') {
      if (entry.step !== open) say('I12', `step ${entry.step} ended while ${open ?? 'none'} was running`);
      open = undefined;
    }
    if (entry.type === 'closed') isClosed = true;
  }
  for (const type of ['created', 'executed', 'closed'] as const) {
    const count = entries.filter((entry) => entry.type === type).length;
    if (count > 1) say('I12', `it was ${type} ${count} times`);
  }
  return wrong;
}

/** I3: the epoch of a module rises with every execution. */
function epochViolations(journals: readonly (readonly JournalEntry[])[]): readonly string[] {
  const executions = journals
    .flatMap((entries) => entries.filter((entry) => entry.type === 'executed').map((entry) => ({ entries, entry })))
    .sort((a, b) => a.entry.at - b.entry.at);
  const seen = new Map<number, string>();
  return executions.flatMap(({ entries, entry }) => {
    const other = seen.get(entry.epoch);
    seen.set(entry.epoch, nameOf(entries));
    return other === undefined ? [] : [`I3: ${nameOf(entries)} and ${other} have the epoch ${entry.epoch}`];
  });
}

/** I4: the strategy does again what the journal says that it did. */
function replayViolations(
  entries: readonly JournalEntry[],
  strategies: readonly Strategy<unknown>[],
): readonly string[] {
  // A journal that another version has left, and is held for that, says so itself.
  if (entries.some((entry) => entry.type === 'held' && entry.why === 'diverged')) return [];
  const { next } = replayJournal(entries, strategies);
  return next?.kind === 'diverged' || next?.kind === 'missing'
    ? [`I4: ${nameOf(entries)}: ${next.kind === 'diverged' ? next.detail : `nobody knows ${next.needs}`}`]
    : [];
}

/** I5: requests for the release go to no node beyond those that its stage names. */
function allowanceViolations(entries: readonly JournalEntry[], { served = [] }: RolloutHistory): readonly string[] {
  const deploymentId = nameOf(entries);
  const own = served.filter((sample) => sample.deploymentId === deploymentId);
  if (own.length === 0) return [];
  const allowed: NodeSet[] = [];
  let now: NodeSet = [];
  let isProven = false;
  for (const entry of entries) {
    if (entry.type === 'began' && entry.effect.kind === 'shiftTraffic') {
      const { to, among, percent } = entry.effect.input;
      now = unionNodes(subtractNodes(now, among), percent > 0 ? to : []);
    }
    if (entry.type === 'began' && (entry.effect.kind === 'restore' || entry.effect.kind === 'retire'))
      now = subtractNodes(now, entry.effect.input.nodes);
    // Once it is proven, nodes that come later get it without any stage.
    if (entry.type === 'turned') isProven = entry.to === 'retention';
    allowed.push(isProven ? [[0, Number.MAX_SAFE_INTEGER]] : now);
  }
  return own.flatMap(({ seq, nodes }) => {
    const beyond = subtractNodes(nodes, allowed[seq] ?? []);
    return nodeCount(beyond) === 0
      ? []
      : [
          `I5: ${deploymentId}: after entry ${seq} positions ${JSON.stringify(beyond)} get requests that no stage gives them`,
        ];
  });
}

/** I1: whoever was reached before a deployment is reached at every moment of it. */
function routeViolations(entries: readonly JournalEntry[], { routed = [] }: RolloutHistory): readonly string[] {
  const deploymentId = nameOf(entries);
  const executed = entries.find((entry) => entry.type === 'executed');
  const served = executed?.baseline.some(({ releases }) => releases.some(({ weight }) => weight > 0)) ?? false;
  if (!executed || !served) return [];
  return routed
    .filter((sample) => sample.deploymentId === deploymentId && sample.seq >= executed.seq && sample.weight <= 0)
    .map(({ seq }) => `I1: ${deploymentId}: after entry ${seq} requests for the module have nowhere to go`);
}

/** I6, I11: what is undone is gone from every node that can be reached, and everything ends or says why it waits. */
function endViolations(
  entries: readonly JournalEntry[],
  { nodes = [], isOver = false }: RolloutHistory,
): readonly string[] {
  const deploymentId = nameOf(entries);
  const closed = entries.findLast((entry) => entry.type === 'closed');
  const releaseId = entries[0]?.type === 'created' ? entries[0].spec.releaseId : '';
  const wrong: string[] = [];
  if (closed && undone.includes(closed.status)) {
    const before = new Set(
      entries.flatMap((entry) =>
        entry.type === 'executed' ? entry.baseline.flatMap(({ releases }) => releases.map((one) => one.releaseId)) : [],
      ),
    );
    for (const node of nodes)
      if (node.isReachable && node.releases.includes(releaseId) && !before.has(releaseId))
        wrong.push(`I6: ${deploymentId} ended as ${closed.status}, but ${node.nodeId} has its release`);
  }
  if (!isOver || closed) return wrong;
  const waits = entries.findLast((entry) => entry.type !== 'command');
  const isWaiting =
    entries.length <= 1 ||
    waits?.type === 'held' ||
    waits?.type === 'approved' ||
    (waits?.type === 'began' && (waits.effect.kind === 'pause' || waits.effect.kind === 'retain'));
  return isWaiting ? wrong : [...wrong, `I11: ${deploymentId} neither ended nor says what it waits for`];
}

/** I2: what a node has applied never goes back. */
function reportViolations(reports: NonNullable<RolloutHistory['reports']>): readonly string[] {
  const highest = new Map<string, number>();
  return reports.flatMap(({ nodeId, generation }) => {
    const before = highest.get(nodeId) ?? 0;
    highest.set(nodeId, Math.max(before, generation));
    return generation >= before ? [] : [`I2: ${nodeId} went back from generation ${before} to ${generation}`];
  });
}

/** A train's members go one after the other, and end alike: all there, or all back. */
function trainViolations({ trains = [], journals, isOver = false }: RolloutHistory): readonly string[] {
  const byId = new Map(journals.map((entries) => [nameOf(entries), entries]));
  return trains.flatMap(({ trainId, status, members }) => {
    const wrong: string[] = [];
    const rows = members.map((deploymentId) => ({ deploymentId, entries: byId.get(deploymentId) ?? [] }));
    for (const [n, { deploymentId, entries }] of rows.entries()) {
      const beganAt = entries.find(({ type }) => type === 'executed')?.at;
      const before = rows[n - 1];
      if (beganAt !== undefined && before && !(completedAt(before.entries) <= beganAt))
        wrong.push(`Train: ${deploymentId} of ${trainId} began before ${before.deploymentId} was completed`);
    }
    const isEnded = endsOfTrains.includes(status);
    if (isOver && !isEnded) wrong.push(`Train: ${trainId} is ${status} and neither ends nor says what it waits for`);
    // One that failed names those that could not be brought back; they are checked as deployments.
    if (status === 'Completed') wrong.push(...strays(trainId, rows, (entries) => completedAt(entries) < Infinity));
    if (status === 'RolledBack' || status === 'Cancelled') wrong.push(...strays(trainId, rows, isUndone));
    return wrong;
  });
}

const endsOfTrains: readonly string[] = ['Completed', 'RolledBack', 'Cancelled', 'Failed'];

const completedAt = (entries: readonly JournalEntry[]): number =>
  entries.find((entry) => entry.type === 'turned' && entry.to === 'retention')?.at ?? Infinity;

function isUndone(entries: readonly JournalEntry[]): boolean {
  const closed = entries.findLast((entry) => entry.type === 'closed');
  if (entries.length === 0 || closed === undefined) return entries.length === 0;
  // One that failed without having turned back had changed nothing.
  return (
    undone.includes(closed.status) || (closed.status === 'Failed' && !entries.some(({ type }) => type === 'turned'))
  );
}

function strays(
  trainId: string,
  rows: readonly { readonly deploymentId: string; readonly entries: readonly JournalEntry[] }[],
  isRight: (entries: readonly JournalEntry[]) => boolean,
): readonly string[] {
  return rows
    .filter(({ entries }) => !isRight(entries))
    .map(({ deploymentId }) => `Train: ${trainId} ended without ${deploymentId}, which stands otherwise`);
}
