import type { DeploymentId, ObservedRelease, ReleaseId } from '@hotswap/core';
import type { Assignments, MemoryDatabase, NodeRow } from '../memory/memory-database.ts';
import type { VirtualTime } from '../time/virtual-time.ts';

/** A node as scripts see it. @public */
export interface ScriptedNode {
  readonly nodeId: string;
  readonly region: string;
}

/**
 * How a fleet behaves. Every member is a pure function of what it is given, so that a run can be repeated.
 * @public
 */
export interface FleetScript {
  /** Time from a change of desired state to the node's report that it is so. Default 20 ms. */
  readonly latencyMs?: (node: ScriptedNode, generation: number) => number;
  /** Whether the node can load the release. Default: always. */
  readonly loads?: (node: ScriptedNode, releaseId: ReleaseId, now: number) => boolean;
  /** What the health check of the release says there and then. Default: healthy. */
  readonly healthy?: (node: ScriptedNode, releaseId: ReleaseId, now: number) => boolean;
  /**
   * How long each copy of a message with a new desired state is under way: none when it is lost, several when it comes more
   * than once. In place of `latencyMs`.
   */
  readonly arrivesAfterMs?: (node: ScriptedNode, generation: number) => readonly number[];
  /** The same for the report on it. Default: it is there at once, and once. */
  readonly reportsAfterMs?: (node: ScriptedNode, generation: number) => readonly number[];
  /** Time after which what was lost is sent again. Default 10,000. */
  readonly resendMs?: number;
  /** How often a probed release is asked again. Default: once per round, which keeps long waits cheap. */
  readonly recheckMs?: number;
}

const defaultLatencyMs = 20;
const defaultResendMs = 10_000;

/** Everything that all nodes with the same assignments have and report when nothing goes wrong: one object for all of them. */
interface GoodState {
  readonly held: NodeRow['held'];
  readonly releases: readonly ObservedRelease[];
}

/**
 * Agents without processes: they make desired state so after a while, as a script tells, and report it.
 * @public
 */
export class ScriptedFleet {
  readonly #database: MemoryDatabase;
  readonly #time: VirtualTime;
  readonly #script: FleetScript;
  readonly #onReports: (deploymentIds: readonly DeploymentId[]) => void;
  readonly #offline = new Set<string>();
  /** Number of the last report that each node has sent, and of the last that was taken: an older one is worth nothing. */
  readonly #sent = new Map<string, number>();
  readonly #taken = new Map<string, number>();
  /** By the only module's assignments. */
  readonly #good = new WeakMap<Assignments, GoodState>();

  /** `onReports` is told of the active deployments that nodes have reported on at one moment. */
  constructor(
    database: MemoryDatabase,
    time: VirtualTime,
    script: FleetScript,
    onReports: (deploymentIds: readonly DeploymentId[]) => void,
  ) {
    this.#database = database;
    this.#time = time;
    this.#script = script;
    this.#onReports = onReports;
    database.onDesired = (nodes) => this.#hear(nodes);
  }

  /** The node stops hearing and answering, and counts as unreachable from now on. */
  disconnect(nodeId: string): void {
    this.#offline.add(nodeId);
    this.#database.setReachable(nodeId, false);
  }

  /** The node is back and makes itself what it shall be now. */
  connect(nodeId: string): void {
    this.#offline.delete(nodeId);
    this.#database.setReachable(nodeId, true);
    this.#hear([this.#database.node(nodeId)]);
  }

  /** Has nodes look at themselves again, as after a change that nobody told them of; what is new is reported. */
  ask(nodeIds: readonly string[]): void {
    const nodes = nodeIds.map((nodeId) => this.#database.node(nodeId));
    const changed = nodes.filter((node) => !this.#offline.has(node.nodeId) && this.#lookAgain(node));
    if (changed.length > 0) this.#onReports(this.#database.activeOn(changed));
  }

  /** Releases that the node has loaded, by what it knows itself. */
  loaded(nodeId: string): readonly ReleaseId[] {
    return [...this.#database.node(nodeId).held]
      .filter(([, state]) => state === 'ready')
      .map(([releaseId]) => releaseId)
      .sort();
  }

  /** Declares that a node has been serving releases all along. */
  settle(nodeId: string, releases: readonly ReleaseId[]): void {
    const node = this.#database.node(nodeId);
    node.held = new Map(releases.map((releaseId) => [releaseId, 'ready']));
    this.#database.observe(node, this.#become(node));
  }

  /** Nodes that are equally slow answer at one moment, as one event. */
  #hear(nodes: readonly NodeRow[]): void {
    const { latencyMs, arrivesAfterMs } = this.#script;
    if (arrivesAfterMs) {
      for (const node of nodes) this.#hearCopies(node, arrivesAfterMs(node, node.generation));
      return;
    }
    const groups = latencyMs
      ? Map.groupBy(nodes, (node) => latencyMs(node, node.generation))
      : new Map([[defaultLatencyMs, nodes]]);
    for (const [delayMs, group] of groups) this.#hearAfter(delayMs, group);
  }

  /** Whoever has heard nothing connects again, and is told anew. */
  #hearCopies(node: NodeRow, delaysMs: readonly number[]): void {
    const { resendMs = defaultResendMs } = this.#script;
    for (const delayMs of delaysMs.length === 0 ? [resendMs] : delaysMs) this.#hearAfter(delayMs, [node]);
  }

  #hearAfter(delayMs: number, group: readonly NodeRow[]): void {
    const generations = group.map((node) => node.generation);
    this.#time.after(delayMs, () => {
      const heard = this.#stillConcerned(group, generations);
      for (const node of heard) this.#apply(node);
      if (heard.length > 0) this.#onReports(this.#database.activeOn(heard));
      this.#askAgain(heard);
    });
  }

  /** What a node says of itself reaches the server at once, unless the script has it go astray. */
  #report(node: NodeRow, observed: NodeRow['observed']): void {
    const { reportsAfterMs, resendMs = defaultResendMs } = this.#script;
    if (!reportsAfterMs) {
      this.#database.observe(node, observed);
      return;
    }
    const sequence = (this.#sent.get(node.nodeId) ?? 0) + 1;
    this.#sent.set(node.nodeId, sequence);
    const delaysMs = reportsAfterMs(node, observed.generation);
    for (const delayMs of delaysMs.length === 0 ? [resendMs] : delaysMs)
      this.#time.after(delayMs, () => this.#take(node, sequence, observed));
  }

  #take(node: NodeRow, sequence: number, observed: NodeRow['observed']): void {
    if (this.#offline.has(node.nodeId) || sequence <= (this.#taken.get(node.nodeId) ?? 0)) return;
    this.#taken.set(node.nodeId, sequence);
    this.#database.observe(node, observed);
    this.#onReports(this.#database.activeOn([node]));
  }

  /** Nodes that are there and have not been told anything newer meanwhile. */
  #stillConcerned(nodes: readonly NodeRow[], generations: readonly number[]): readonly NodeRow[] {
    const anyOffline = this.#offline.size > 0;
    return nodes.filter(
      (node, i) => node.generation === generations[i] && !(anyOffline && this.#offline.has(node.nodeId)),
    );
  }

  #apply(node: NodeRow): void {
    this.#report(node, this.#become(node));
  }

  /** Makes the node what it shall be, as far as it can, and returns what it says of itself then. */
  #become(node: NodeRow): NodeRow['observed'] {
    const good = this.#goodState(node);
    if (good && this.#goesWell(node, good)) {
      node.held = good.held;
      return { generation: node.generation, releases: good.releases };
    }
    const before = node.held;
    const now = new Map<ReleaseId, 'ready' | 'failed'>();
    const releases: ObservedRelease[] = [];
    for (const [moduleName, assignments] of node.modules) {
      for (const [releaseId, { probe }] of assignments) {
        const state = before.get(releaseId) === 'ready' || this.#loads(node, releaseId) ? 'ready' : 'failed';
        now.set(releaseId, state);
        if (state === 'failed')
          releases.push({
            moduleName,
            releaseId,
            state,
            error: { code: 'HS_AGENT_LOAD_FAILED', message: `${node.nodeId} could not load ${releaseId}` },
          });
        else
          releases.push({
            moduleName,
            releaseId,
            state,
            ...(probe ? { health: this.#ask(node, releaseId, probe.round) } : {}),
          });
      }
    }
    node.held = now;
    return { generation: node.generation, releases };
  }

  /** Whether the node has anything new to say. What it has been told but not yet heard is not looked at. */
  #lookAgain(node: NodeRow): boolean {
    if (node.observed.generation !== node.generation) return false;
    const { releases } = node.observed;
    this.#apply(node);
    return node.observed.releases !== releases && JSON.stringify(node.observed.releases) !== JSON.stringify(releases);
  }

  /** `null` for a node with more than one module, of which there are too many combinations to be worth sharing. */
  #goodState(node: NodeRow): GoodState | null {
    if (node.modules.size !== 1) return null;
    const [[moduleName, assignments]] = node.modules as unknown as readonly [readonly [string, Assignments]];
    const known = this.#good.get(assignments);
    if (known) return known;
    const good: GoodState = {
      held: new Map([...assignments.keys()].map((releaseId) => [releaseId, 'ready'])),
      releases: [...assignments].map(([releaseId, { probe }]) => ({
        moduleName,
        releaseId,
        state: 'ready',
        ...(probe ? { health: healthy(probe.round) } : {}),
      })),
    };
    this.#good.set(assignments, good);
    return good;
  }

  /** Whether everything that the node shall have loads there and answers its checks. */
  #goesWell(node: NodeRow, { held, releases }: GoodState): boolean {
    const { loads, healthy: isHealthy } = this.#script;
    const before = node.held;
    if (loads && before !== held)
      for (const releaseId of held.keys())
        if (before.get(releaseId) !== 'ready' && !this.#loads(node, releaseId)) return false;
    if (isHealthy)
      for (const { releaseId, health } of releases)
        if (health && !isHealthy(node, releaseId, this.#time.now())) return false;
    return true;
  }

  #loads(node: NodeRow, releaseId: ReleaseId): boolean {
    return this.#script.loads?.(node, releaseId, this.#time.now()) ?? true;
  }

  #ask(node: NodeRow, releaseId: ReleaseId, round: string): NonNullable<ObservedRelease['health']> {
    const isHealthy = this.#script.healthy?.(node, releaseId, this.#time.now()) ?? true;
    return isHealthy
      ? healthy(round)
      : {
          round,
          state: 'unhealthy',
          consecutiveSuccesses: 0,
          consecutiveFailures: 3,
          message: `the health check of ${releaseId} did not answer OK on ${node.nodeId}`,
        };
  }

  /** Whoever probes is asked again later, as long as nothing else happens to it. */
  #askAgain(nodes: readonly NodeRow[]): void {
    const { recheckMs } = this.#script;
    if (recheckMs === undefined) return;
    const probing = nodes.filter(isProbing);
    if (probing.length === 0) return;
    const generations = probing.map((node) => node.generation);
    this.#time.after(recheckMs, () => {
      const asked = this.#stillConcerned(probing, generations);
      const changed = asked.filter((node) => this.#lookAgain(node));
      if (changed.length > 0) this.#onReports(this.#database.activeOn(changed));
      this.#askAgain(asked);
    });
  }
}

const healthy = (round: string): NonNullable<ObservedRelease['health']> => ({
  round,
  state: 'healthy',
  consecutiveSuccesses: 1,
  consecutiveFailures: 0,
});

const isProbing = (node: NodeRow): boolean =>
  [...node.modules.values()].some((releases) => [...releases.values()].some(({ probe }) => probe));
