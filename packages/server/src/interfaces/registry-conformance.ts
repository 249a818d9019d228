import type { ModuleDescription } from '@hotswap/core';
import {
  compareVersions,
  compatibleRange,
  diffWorlds,
  interfaceNameOf,
  worldOf,
  type InterfaceChange,
  type WitWorld,
  type WitWorldItem,
} from '@hotswap/interfaces';
import type { InterfaceRecord } from '../ports/interface-store.ts';
import type { InterfaceRegistry } from './interface-registry.ts';

/** Whether a module keeps to what is registered. @internal */
export interface Conformance {
  /** What is wrong, in sentences with exact paths. */
  readonly problems: readonly string[];
  /** Imports that an approved version says hosts offer. */
  readonly approvedImports: ReadonlySet<string>;
}

/**
 * Holds a module's interfaces to the registry as it is now: versions that are pending or rejected may not be built on, and
 * whoever says to export or import a registered version has to have it as it was approved.
 * @internal
 */
export async function checkConformance(
  registry: InterfaceRegistry,
  versionsOf: (name: string) => Promise<readonly InterfaceRecord[]>,
  module: ModuleDescription,
): Promise<Conformance> {
  const world = worldOf(module);
  const problems: string[] = [];
  const approvedImports = new Set<string>();
  if (world === null) return { problems, approvedImports };
  const sides = [
    ...[...world.exports].map(([key, item]) => ({ key, item, direction: 'export' as const })),
    ...[...world.imports].map(([key, item]) => ({ key, item, direction: 'import' as const })),
  ];
  const known = new Map<string, readonly InterfaceRecord[]>();
  for (const { key, item, direction } of sides) {
    const packageName = packageOfInterface(key);
    if (item.kind !== 'interface' || packageName === null) continue;
    const versions = known.get(packageName) ?? (await versionsOf(packageName));
    known.set(packageName, versions);
    const held = await heldTo(registry, versions, key, item, direction);
    problems.push(...held.problems);
    if (held.isApproved && direction === 'import') approvedImports.add(key);
  }
  return { problems, approvedImports };
}

async function heldTo(
  registry: InterfaceRegistry,
  versions: readonly InterfaceRecord[],
  key: string,
  item: WitWorldItem,
  direction: InterfaceChange['direction'],
): Promise<{ readonly problems: readonly string[]; readonly isApproved: boolean }> {
  const { version } = interfaceNameOf(key);
  if (versions.length === 0 || version === null) return { problems: [], isApproved: false };
  const exact = versions.find((each) => each.version === version);
  if (exact?.status === 'PendingApproval' || exact?.status === 'Rejected')
    return { problems: [`${exact.name}@${version} is ${exact.status}`], isApproved: false };
  const record = exact ?? nearest(versions, version);
  if (record === undefined)
    return {
      problems: [`no version of ${versions[0]?.name ?? key} that is compatible with ${version} is approved`],
      isApproved: false,
    };
  const registered = (await registry.read(record)).interfaces.get(nameOf(key));
  // A later version of the range may have more than is registered yet.
  if (registered === undefined)
    return {
      problems: exact === undefined ? [] : [`${record.name}@${record.version} has no interface ${nameOf(key)}`],
      isApproved: false,
    };
  const asRegistered: WitWorldItem = { kind: 'interface', interface: registered };
  const changes =
    direction === 'export'
      ? diffWorlds(worldWith('exports', registered.id, asRegistered), worldWith('exports', key, item))
      : diffWorlds(worldWith('imports', registered.id, asRegistered), worldWith('imports', key, item));
  const problems = changes
    .filter(({ severity }) => severity === 'breaking')
    .slice(0, 10)
    .map(sentence(record));
  return { problems, isApproved: problems.length === 0 };
}

const sentence =
  ({ name, version }: InterfaceRecord) =>
  ({ kind, path, before, after }: InterfaceChange): string =>
    `${kind} at ${path} against ${name}@${version}: ${before ?? 'nothing'} became ${after ?? 'nothing'}`;

/** The highest approved version of the same range that is not above the wanted one. */
function nearest(versions: readonly InterfaceRecord[], version: string): InterfaceRecord | undefined {
  return versions
    .filter(({ status }) => status === 'Approved' || status === 'Deprecated')
    .filter((each) => compatibleRange(each.version) === compatibleRange(version))
    .filter((each) => compareVersions(each.version, version) <= 0)
    .sort((a, b) => compareVersions(b.version, a.version))[0];
}

/** `acme:img` of `acme:img/resize@1.2.0`; `null` for names without a package. */
function packageOfInterface(key: string): string | null {
  const { base } = interfaceNameOf(key);
  return base.includes('/') ? (base.split('/', 1)[0] as string) : null;
}

const nameOf = (key: string): string => interfaceNameOf(key).base.split('/')[1] ?? '';

function worldWith(side: 'imports' | 'exports', key: string, item: WitWorldItem): WitWorld {
  const empty = { imports: new Map<string, WitWorldItem>(), exports: new Map<string, WitWorldItem>() };
  return { id: 'root:component/root', name: 'root', ...empty, [side]: new Map([[key, item]]) };
}
