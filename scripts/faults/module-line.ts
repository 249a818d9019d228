import type { DeploymentView, HotSwapClient } from '@hotswap/protocol';

/** How a module is asked who answers. */
export interface Probe {
  readonly functionName: string;
  readonly args: readonly number[];
}

/** Two versions of a module, of which one serves and the other comes next. */
export class ModuleLine {
  readonly name: string;
  readonly #client: () => HotSwapClient;
  readonly #moduleIds: readonly [string, string];
  readonly #probe: Probe;
  #serving: 0 | 1 = 0;

  constructor(name: string, moduleIds: readonly [string, string], probe: Probe, client: () => HotSwapClient) {
    this.name = name;
    this.#moduleIds = moduleIds;
    this.#probe = probe;
    this.#client = client;
  }

  /** Module id that all nodes should serve now. */
  get serving(): string {
    return this.#moduleIds[this.#serving];
  }

  /** Module id of the next rollout. */
  get next(): string {
    return this.#moduleIds[this.#serving === 0 ? 1 : 0];
  }

  /** Whether the deployment's module serves now that it has ended: an experiment may be completed without a winner. */
  serves({ status, verdict }: DeploymentView): boolean {
    return status === 'Completed' && (verdict === undefined || verdict === 'B');
  }

  /** Notes that a completed deployment's module is the one that serves. */
  keep(deployment: DeploymentView): void {
    if (this.serves(deployment)) this.#serving = this.#moduleIds[0] === deployment.moduleId ? 0 : 1;
  }

  /** Sends one request. @returns the module id that answered */
  async visit(): Promise<string> {
    const { functionName, args } = this.#probe;
    return (await this.#client().modules.invoke(this.name, functionName, { args: [...args] })).moduleId;
  }

  /** What is wrong with where requests go: everything must reach one module id, on all nodes. */
  async routeViolations(moduleId: string, nodeIds: readonly string[]): Promise<string[]> {
    const route = await this.#client().routes.get(this.name);
    const strays = route.targets
      .filter((target) => target.moduleId !== moduleId)
      .map((target) => `${target.nodeId} serves ${target.moduleId}`);
    const missing = nodeIds
      .filter((nodeId) => !route.targets.some((target) => target.nodeId === nodeId))
      .map((nodeId) => `${nodeId} serves nothing`);
    const answeredBy = await this.visit();
    const wrong = answeredBy === moduleId ? [] : [`a request was answered by ${answeredBy}`];
    return [...strays, ...missing, ...wrong].map((what) => `${what} instead of ${moduleId}`);
  }
}
