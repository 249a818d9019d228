import type { SimulatedFault, SimulationScript } from '@hotswap/protocol';
import type { FleetScript, SimulatedNode, Simulation } from '@hotswap/testing';
import { activePeriod, isActiveAt, scenarioMs, type ActivePeriod } from './active-period.ts';
import { chooseNodes } from './choose-nodes.ts';
import { seededFraction } from './seeded-random.ts';

type FaultOf<K extends SimulatedFault['kind']> = SimulatedFault & { readonly kind: K };
type BreakingFault = FaultOf<'loadFailure'> | FaultOf<'unhealthy'>;

/** A fault with the nodes that the seed has chosen for it. */
interface PlacedFault<F extends SimulatedFault> extends ActivePeriod {
  readonly fault: F;
  readonly nodeIds: ReadonlySet<string>;
}

/** What a script calls a release: of a deployment that is simulated, or what serves before. @internal */
export interface ReleaseSide {
  readonly moduleName: string;
  readonly side: 'new' | 'old';
}

const usualLatencyMs = 20;
/** Longest time over which a fault that never ends is played. */
const longestMs = 400 * 86_400_000;

/** Tells what the script has just done. @internal */
export type ScriptTeller = (type: string, sentence: string) => void;

/**
 * Everything that a script does to nodes and servers: as functions that the scripted fleet asks, and as events in
 * virtual time.
 * @internal
 */
export class ScriptedFaults {
  readonly #script: SimulationScript;
  readonly #fleet: readonly SimulatedNode[];
  readonly #seed: number;
  /** Milliseconds since execute. */
  readonly #nowMs: () => number;
  readonly #slow: readonly PlacedFault<FaultOf<'slow'>>[];
  readonly #broken: readonly PlacedFault<BreakingFault>[];

  constructor(script: SimulationScript, fleet: readonly SimulatedNode[], seed: number, nowMs: () => number) {
    this.#script = script;
    this.#fleet = fleet;
    this.#seed = seed;
    this.#nowMs = nowMs;
    this.#slow = this.#placed('slow');
    this.#broken = [...this.#placed('loadFailure'), ...this.#placed('unhealthy')];
  }

  /** How the nodes behave. @param sideOf - What the script calls a release, and of which module it is. */
  fleetScript(sideOf: (releaseId: string) => ReleaseSide): FleetScript {
    const { latency } = this.#script;
    const works = (kind: 'loadFailure' | 'unhealthy') => {
      const faults = this.#broken.filter(({ fault }) => fault.kind === kind);
      return (node: { readonly nodeId: string }, releaseId: string): boolean => {
        const { moduleName, side } = sideOf(releaseId);
        return !faults.some(
          (placed) =>
            side === (placed.fault.release ?? 'new') &&
            (placed.fault.module ?? moduleName) === moduleName &&
            placed.nodeIds.has(node.nodeId) &&
            isActiveAt(placed, this.#nowMs()),
        );
      };
    };
    const has = (kind: SimulatedFault['kind']): boolean => this.#broken.some(({ fault }) => fault.kind === kind);
    return {
      ...(latency === undefined && this.#slow.length === 0
        ? {}
        : { latencyMs: (node, generation) => this.#latencyMs(node.nodeId, generation) }),
      ...(has('loadFailure') ? { loads: works('loadFailure') } : {}),
      ...(has('unhealthy') ? { healthy: works('unhealthy') } : {}),
    };
  }

  /** Puts what happens at its own time on the simulation's clock, which stands at execute. */
  schedule(simulation: Simulation, tell: ScriptTeller): void {
    for (const placed of this.#placed('offline')) this.#takeOffline(simulation, placed, tell);
    for (const placed of this.#placed('flapping')) this.#flap(simulation, placed, tell);
    for (const placed of this.#broken) this.#askAtEdges(simulation, placed, tell);
    for (const placed of this.#slow) tellPeriod(simulation, placed, tell, 'slow', `${nodesText(placed)} got slow`);
    for (const fault of this.#script.faults ?? []) {
      if (fault.kind === 'routerLag')
        tellPeriod(simulation, activePeriod(fault), tell, 'routerLag', 'The router began to lag');
      if (fault.kind === 'serverDown') stopServer(simulation, activePeriod(fault), tell);
    }
  }

  #placed<K extends SimulatedFault['kind']>(kind: K): readonly PlacedFault<FaultOf<K>>[] {
    return (this.#script.faults ?? []).flatMap((fault, index) => {
      if (fault.kind !== kind) return [];
      const wanted = 'nodes' in fault ? fault.nodes : undefined;
      const nodeIds = new Set(chooseNodes(this.#fleet, wanted, this.#seed, `fault ${String(index)}`));
      return [{ ...activePeriod(fault), fault: fault as FaultOf<K>, nodeIds }];
    });
  }

  #latencyMs(nodeId: string, generation: number): number {
    const nowMs = this.#nowMs();
    const delays = this.#slow.filter((placed) => placed.nodeIds.has(nodeId) && isActiveAt(placed, nowMs));
    return (
      this.#usualLatencyMs(nodeId, generation) + delays.reduce((sum, { fault }) => sum + scenarioMs(fault.delay), 0)
    );
  }

  #usualLatencyMs(nodeId: string, generation: number): number {
    const { latency = usualLatencyMs / 1_000 } = this.#script;
    if (typeof latency !== 'object') return scenarioMs(latency);
    const [min, max] = [scenarioMs(latency.min), scenarioMs(latency.max)];
    return min + Math.floor(seededFraction(this.#seed, 'latency', nodeId, generation) * (max - min + 1));
  }

  #takeOffline(simulation: Simulation, placed: PlacedFault<FaultOf<'offline'>>, tell: ScriptTeller): void {
    simulation.time.after(placed.beginsMs, () => {
      for (const nodeId of placed.nodeIds) simulation.fleet.disconnect(nodeId);
      tell('offline', `${nodesText(placed)} went offline.`);
      nudgeAll(simulation, placed.nodeIds);
    });
    if (placed.endsMs === Infinity) return;
    simulation.time.after(placed.endsMs, () => {
      for (const nodeId of placed.nodeIds) simulation.fleet.connect(nodeId);
      tell('online', `${nodesText(placed)} came back.`);
    });
  }

  #flap(simulation: Simulation, placed: PlacedFault<FaultOf<'flapping'>>, tell: ScriptTeller): void {
    const [downMs, upMs] = [scenarioMs(placed.fault.down), scenarioMs(placed.fault.up)];
    const goDown = (): void => {
      for (const nodeId of placed.nodeIds) simulation.fleet.disconnect(nodeId);
      nudgeAll(simulation, placed.nodeIds);
      simulation.time.after(downMs, () => {
        for (const nodeId of placed.nodeIds) simulation.fleet.connect(nodeId);
        if (this.#nowMs() + upMs < Math.min(placed.endsMs, longestMs)) simulation.time.after(upMs, goDown);
      });
    };
    simulation.time.after(placed.beginsMs, () => {
      tell('flapping', `${nodesText(placed)} began to come and go.`);
      goDown();
    });
  }

  /** Nodes notice by themselves when checks begin or cease to fail; loads are only tried when they are asked for. */
  #askAtEdges(simulation: Simulation, placed: PlacedFault<BreakingFault>, tell: ScriptTeller): void {
    const what = placed.fault.kind === 'unhealthy' ? 'fail health checks' : 'fail to load';
    const { release: side = 'new', module } = placed.fault;
    const release = `the ${side} release${module === undefined ? '' : ` of ${module}`}`;
    tellPeriod(simulation, placed, tell, placed.fault.kind, `${nodesText(placed)} began to ${what} of ${release}`);
    if (placed.fault.kind !== 'unhealthy') return;
    for (const atMs of [placed.beginsMs, placed.endsMs])
      if (atMs > 0 && atMs !== Infinity)
        simulation.time.after(atMs, () => {
          simulation.fleet.ask([...placed.nodeIds]);
        });
  }
}

const nodesText = ({ nodeIds }: { readonly nodeIds: ReadonlySet<string> }): string =>
  nodeIds.size === 1 ? `Node ${String([...nodeIds][0])}` : `${String(nodeIds.size)} nodes`;

function tellPeriod(
  simulation: Simulation,
  { beginsMs, endsMs }: ActivePeriod,
  tell: ScriptTeller,
  type: string,
  sentence: string,
): void {
  simulation.time.after(beginsMs, () => {
    tell(type, `${sentence}.`);
  });
  if (endsMs !== Infinity)
    simulation.time.after(endsMs, () => {
      tell(type, `It ended: ${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1)}.`);
    });
}

function stopServer(simulation: Simulation, { beginsMs, endsMs }: ActivePeriod, tell: ScriptTeller): void {
  simulation.time.after(beginsMs, () => {
    simulation.stop();
    tell('serverDown', 'The server was gone.');
  });
  simulation.time.after(endsMs, () => {
    simulation.restart();
    tell('serverUp', 'A server started and read the journal.');
  });
}

function nudgeAll(simulation: Simulation, nodeIds: ReadonlySet<string>): void {
  for (const nodeId of nodeIds) simulation.nudge(nodeId);
}
