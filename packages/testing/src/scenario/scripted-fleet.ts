import type { ObservedRelease, ReleaseId } from '@hotswap/core';
import type { MemoryDatabase } from '../memory/memory-database.ts';
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
  latencyMs?(node: ScriptedNode, generation: number): number;
  /** Whether the node can load the release. Default: always. */
  loads?(node: ScriptedNode, releaseId: ReleaseId, now: number): boolean;
  /** What the health check of the release says there and then. Default: healthy. */
  healthy?(node: ScriptedNode, releaseId: ReleaseId, now: number): boolean;
  /** How often a probed release is asked again. Default: once per round, which keeps long waits cheap. */
  recheckMs?: number;
}

/**
 * Agents without processes: they make desired state so after a while, as a script tells, and report it.
 * @public
 */
export class ScriptedFleet {
  readonly #database: MemoryDatabase;
  readonly #time: VirtualTime;
  readonly #script: FleetScript;
  readonly #onReport: (nodeId: string) => void;
  readonly #offline = new Set<string>();
  /** What each node holds: loaded, or failed to load in a generation. */
  readonly #held = new Map<string, Map<ReleaseId, 'ready' | 'failed'>>();

  constructor(database: MemoryDatabase, time: VirtualTime, script: FleetScript, onReport: (nodeId: string) => void) {
    this.#database = database;
    this.#time = time;
    this.#script = script;
    this.#onReport = onReport;
    database.onDesired = (nodeId) => this.#hear(nodeId);
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
    this.#hear(nodeId);
  }

  /** Releases that the node has loaded, by what it knows itself. */
  loaded(nodeId: string): readonly ReleaseId[] {
    return [...(this.#held.get(nodeId) ?? [])]
      .filter(([, state]) => state === 'ready')
      .map(([releaseId]) => releaseId)
      .sort();
  }

  /** Declares that a node has been serving releases all along. */
  settle(nodeId: string, releases: readonly ReleaseId[]): void {
    this.#held.set(nodeId, new Map(releases.map((releaseId) => [releaseId, 'ready'])));
    this.#apply(nodeId);
  }

  #hear(nodeId: string): void {
    const node = this.#database.node(nodeId);
    const { generation } = node;
    this.#time.after(this.#script.latencyMs?.(node, generation) ?? 20, () => {
      if (this.#offline.has(nodeId) || node.generation !== generation) return;
      this.#apply(nodeId);
      this.#onReport(nodeId);
    });
  }

  #apply(nodeId: string): void {
    const node = this.#database.node(nodeId);
    const before = this.#held.get(nodeId) ?? new Map<ReleaseId, 'ready' | 'failed'>();
    const now = new Map<ReleaseId, 'ready' | 'failed'>();
    const releases: ObservedRelease[] = [];
    for (const [moduleName, assignments] of node.modules) {
      for (const [releaseId, { probe }] of assignments) {
        const state =
          before.get(releaseId) === 'ready' || (this.#script.loads?.(node, releaseId, this.#time.now()) ?? true)
            ? 'ready'
            : 'failed';
        now.set(releaseId, state);
        if (state === 'failed')
          releases.push({
            moduleName,
            releaseId,
            state,
            error: { code: 'HS_AGENT_LOAD_FAILED', message: `${nodeId} could not load ${releaseId}` },
          });
        else
          releases.push({
            moduleName,
            releaseId,
            state,
            ...(probe ? { health: this.#ask(nodeId, releaseId, probe.round) } : {}),
          });
      }
    }
    this.#held.set(nodeId, now);
    this.#database.report(nodeId, { generation: node.generation, releases });
    this.#askAgain(nodeId);
  }

  #ask(nodeId: string, releaseId: ReleaseId, round: string): NonNullable<ObservedRelease['health']> {
    const isHealthy = this.#script.healthy?.(this.#database.node(nodeId), releaseId, this.#time.now()) ?? true;
    return isHealthy
      ? { round, state: 'healthy', consecutiveSuccesses: 1, consecutiveFailures: 0 }
      : {
          round,
          state: 'unhealthy',
          consecutiveSuccesses: 0,
          consecutiveFailures: 3,
          message: `the health check of ${releaseId} did not answer OK on ${nodeId}`,
        };
  }

  #askAgain(nodeId: string): void {
    const { recheckMs } = this.#script;
    const node = this.#database.node(nodeId);
    const { generation } = node;
    if (
      recheckMs === undefined ||
      ![...node.modules.values()].some((releases) => [...releases.values()].some(({ probe }) => probe))
    )
      return;
    this.#time.after(recheckMs, () => {
      if (this.#offline.has(nodeId) || node.generation !== generation) return;
      const before = JSON.stringify(node.observed);
      this.#apply(nodeId);
      if (JSON.stringify(node.observed) !== before) this.#onReport(nodeId);
    });
  }
}
