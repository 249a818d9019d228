import type { ModuleDescription, ModuleHttp, ModuleRecord } from '@hotswap/core';
import { diffModules, interfaceNameOf, worldOf, type InterfaceChange, type WitPackage } from '@hotswap/interfaces';
import type { AffectedConsumerView } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';
import type { InterfaceConsumer, InterfaceStore, LiveModule, LiveUse } from '../ports/interface-store.ts';
import type { ModuleRegistry } from '../ports/module-registry.ts';
import { affectedCallers, affectedDeclared, affectedHttp, affectedImporters } from './affected-consumers.ts';
import type { CallerLedger } from './caller-ledger.ts';
import { hostMisfits, type HostMisfit } from './host-fit.ts';
import type { InterfaceRegistry } from './interface-registry.ts';
import { checkConformance } from './registry-conformance.ts';

/** What a module would be put in place of, and where. @internal */
export interface GateQuestion {
  readonly module: ModuleRecord;
  /** How its release is reached by HTTP. */
  readonly http: ModuleHttp | null;
  /** Regions of the deployment; `null`: all. */
  readonly regions: readonly string[] | null;
  /**
   * Modules that will have moved when its turn comes, as those before it in a release train: they count at these versions,
   * not at those that serve now. Default none.
   */
  readonly ahead?: readonly Pick<ModuleRecord, 'name' | 'moduleId'>[];
}

/** What the gate found. @internal */
export interface GateFindings {
  /** Kinds of target nodes that cannot link the module. */
  readonly misfits: readonly HostMisfit[];
  /** Target nodes among which they are. */
  readonly hosts: number;
  /** Where it does not keep to the registry. */
  readonly problems: readonly string[];
  /** Versions that serve on the target nodes now. */
  readonly against: readonly string[];
  /** What changes for callers against any of them. */
  readonly changes: readonly InterfaceChange[];
  /** Whom the breaking changes would break. */
  readonly consumers: readonly AffectedConsumerView[];
}

/** @internal */
export interface InterfaceGateParts {
  readonly interfaces: InterfaceStore;
  readonly registry: InterfaceRegistry;
  readonly use: LiveUse;
  readonly modules: Pick<ModuleRegistry, 'get'>;
  readonly callers: CallerLedger;
}

/** Whoever has not called for longer is no consumer any more. */
const callerMs = 7 * 86_400_000;
/** Descriptions of module versions never change; so many are kept. */
const maxDescriptions = 500;

/**
 * Checks a module before it moves: against what its hosts can link, against the interface registry, and against those who
 * use what serves now.
 * @internal
 */
export class InterfaceGate {
  readonly #parts: InterfaceGateParts;
  readonly #descriptions = new Map<string, ModuleDescription>();

  constructor(parts: InterfaceGateParts) {
    this.#parts = parts;
  }

  async check({ module, http, regions, ahead = [] }: GateQuestion): Promise<GateFindings> {
    const { use, registry, interfaces, callers } = this.#parts;
    const { tenant } = module;
    await callers.flush();
    const [live, hosts] = await Promise.all([use.liveModules(tenant, regions), use.hosts(tenant, regions)]);
    const conformance = await checkConformance(
      registry,
      (name) => interfaces.versions(tenant, name),
      module.description,
    );
    const misfits = hostMisfits(module.description, hosts, (name) => conformance.approvedImports.has(name));
    const replaced = live.filter(
      ({ moduleName, moduleId }) => moduleName === module.name && moduleId !== module.moduleId,
    );
    const users = versionsThen(live, ahead, module.name);
    const found = await Promise.all(replaced.map((old) => this.#replace(module, http, old, users)));
    return {
      misfits,
      hosts: hosts.reduce((sum, { nodes }) => sum + nodes, 0),
      problems: conformance.problems,
      against: [...new Set(replaced.map(({ moduleId }) => moduleId))],
      changes: unique(
        found.flatMap(({ changes }) => changes),
        ({ kind, path }) => `${kind} ${path}`,
      ),
      consumers: merged(found.flatMap(({ consumers }) => consumers)),
    };
  }

  /** What changes for callers and hosts from one description to another; hosts are taken to have every import. */
  compare(before: ModuleDescription, after: ModuleDescription): readonly InterfaceChange[] {
    return diffModules(before, after, { satisfies: () => true });
  }

  /** Where a module does not keep to the registry as it is now. */
  async problems(tenant: string, module: ModuleDescription): Promise<readonly string[]> {
    const { registry, interfaces } = this.#parts;
    return (await checkConformance(registry, (name) => interfaces.versions(tenant, name), module)).problems;
  }

  async #replace(
    module: ModuleRecord,
    http: ModuleHttp | null,
    old: LiveModule,
    users: ReadonlySet<string>,
  ): Promise<Pick<GateFindings, 'changes' | 'consumers'>> {
    const { tenant } = module;
    const before = await this.#description(tenant, old.moduleId);
    // Whether hosts link what is imported is asked apart.
    const all = this.compare(before, module.description);
    const changes = all.filter(({ direction }) => direction === 'export');
    const callers = await this.#parts.use.callers(tenant, module.name, callerMs);
    const [from, to] = [worldOf(before), worldOf(module.description)];
    const typed =
      from === null || to === null
        ? []
        : [
            ...affectedDeclared(from, to, await this.#declared(tenant, [...from.exports.keys()])),
            ...affectedImporters(from, to, await this.#importers(tenant, users)),
          ];
    return {
      changes,
      consumers: [...typed, ...affectedCallers(before, changes, callers), ...affectedHttp(old.http, http)],
    };
  }

  async #declared(
    tenant: string,
    exports: readonly string[],
  ): Promise<readonly (InterfaceConsumer & { readonly root: WitPackage })[]> {
    const { interfaces, registry } = this.#parts;
    const bases = exports.map((key) => interfaceNameOf(key).base).filter((base) => base.includes('/'));
    const names = [...new Set(bases.map((base) => base.split('/', 1)[0] as string))];
    const consumers = await interfaces.consumers(tenant, names);
    const roots = new Map<string, Promise<WitPackage>>();
    return Promise.all(
      consumers.map(async (consumer) => {
        const key = `${consumer.name}@${consumer.version}`;
        const root =
          roots.get(key) ??
          interfaces.get(tenant, consumer.name, consumer.version).then((record) => registry.read(record));
        roots.set(key, root);
        return { ...consumer, root: await root };
      }),
    );
  }

  async #importers(
    tenant: string,
    users: ReadonlySet<string>,
  ): Promise<readonly { readonly moduleId: string; readonly description: ModuleDescription }[]> {
    return Promise.all(
      [...users].map(async (moduleId) => ({ moduleId, description: await this.#description(tenant, moduleId) })),
    );
  }

  async #description(tenant: string, moduleId: string): Promise<ModuleDescription> {
    const key = `${tenant}\n${moduleId}`;
    const known = this.#descriptions.get(key);
    if (known !== undefined) return known;
    const { description } = await this.#parts.modules.get(tenant, moduleId);
    if (this.#descriptions.size >= maxDescriptions) this.#descriptions.clear();
    this.#descriptions.set(key, description);
    return description;
  }
}

/** Versions of the other modules that serve when the module's turn comes. */
function versionsThen(
  live: readonly LiveModule[],
  ahead: NonNullable<GateQuestion['ahead']>,
  moduleName: string,
): ReadonlySet<string> {
  const stay = live.filter(
    (each) => each.moduleName !== moduleName && !ahead.some(({ name }) => name === each.moduleName),
  );
  return new Set([...stay, ...ahead].map(({ moduleId }) => moduleId));
}

/**
 * Refuses what must not move.
 * @throws HS_INTERFACE_HOST_CANNOT_LINK, HS_INTERFACE_NOT_APPROVED, HS_INTERFACE_BREAKS_CONSUMERS
 * @internal
 */
export function requireSafe(
  { misfits, hosts, problems, consumers, changes }: GateFindings,
  { moduleId }: ModuleRecord,
  { allowBreaking, choosesNodes }: { readonly allowBreaking: boolean; readonly choosesNodes: boolean },
): void {
  const unfit = misfits.reduce((sum, { host }) => sum + host.nodes, 0);
  // Selectors may pass over nodes that cannot: only when none can there is nothing to select.
  if (unfit > 0 && (!choosesNodes || unfit === hosts))
    throw serverError('HS_INTERFACE_HOST_CANNOT_LINK', {
      moduleId,
      why: misfits
        .slice(0, 5)
        .map(
          ({ host, why }) =>
            `${host.runtime} of ${host.nodes === 1 ? host.example : `${host.example} and ${host.nodes - 1} more`} ${why}`,
        )
        .join('; '),
      nodes: misfits.map(({ host, why }) => ({ runtime: host.runtime, nodes: host.nodes, example: host.example, why })),
    });
  if (problems.length > 0)
    throw serverError('HS_INTERFACE_NOT_APPROVED', {
      moduleId,
      why: problems.slice(0, 3).join('; '),
      problems: problems.slice(0, 50),
    });
  if (consumers.length === 0 || allowBreaking) return;
  const shown = consumers.slice(0, 3).map(({ kind, name, paths }) => `${labels[kind]} ${name} (${paths[0] ?? ''})`);
  throw serverError('HS_INTERFACE_BREAKS_CONSUMERS', {
    moduleId,
    count: consumers.length === 1 ? 'one consumer' : `${consumers.length} consumers`,
    who: `${shown.join(', ')}${consumers.length > shown.length ? ` and ${consumers.length - shown.length} more` : ''}`,
    consumers: consumers.slice(0, 50).map(({ kind, name, paths }) => ({ kind, name, paths })),
    changes: changes
      .filter(({ severity }) => severity === 'breaking')
      .slice(0, 50)
      .map(({ kind, path, before, after }) => ({ change: kind, path, before, after })),
  });
}

const labels = { module: 'module', declared: 'the declared consumer', caller: 'caller', http: 'HTTP' } as const;

function unique<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Item[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function merged(consumers: readonly AffectedConsumerView[]): readonly AffectedConsumerView[] {
  const all = new Map<string, AffectedConsumerView>();
  for (const each of consumers) {
    const key = `${each.kind} ${each.name}`;
    const paths = [...new Set([...(all.get(key)?.paths ?? []), ...each.paths])];
    all.set(key, { ...each, paths });
  }
  return [...all.values()];
}
