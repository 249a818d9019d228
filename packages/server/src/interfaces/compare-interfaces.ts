import {
  diffPackages,
  diffWorlds,
  hasBreaking,
  packageOf,
  readWit,
  worldOf,
  type InterfaceChange,
} from '@hotswap/interfaces';
import type { AffectedConsumerView, InterfaceReport, ValidateInterfaceRequest } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';
import type { ServerParts } from '../server-parts.ts';
import { isUsedBy } from './affected-consumers.ts';
import { toChangeView } from './interface-view.ts';

type CompareParts = Pick<ServerParts, 'interfaces' | 'interfaceRegistry' | 'gate' | 'modules'>;

/**
 * Says what a text or a module would change, and for whom; nothing is stored.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE, HS_INTERFACE_NOT_REGISTERED,
 * HS_REGISTRY_MODULE_NOT_FOUND
 * @internal
 */
export async function compareInterfaces(
  parts: CompareParts,
  tenant: string,
  { wit, moduleId, against }: ValidateInterfaceRequest,
): Promise<InterfaceReport> {
  return moduleId === undefined
    ? compareText(parts, tenant, wit ?? '', against)
    : compareModule(parts, tenant, moduleId, against);
}

async function compareText(
  { interfaces, interfaceRegistry: registry }: CompareParts,
  tenant: string,
  wit: string,
  against: string | undefined,
): Promise<InterfaceReport> {
  const { root } = readWit(wit, { dependencies: await registry.dependencies(tenant, wit) });
  const stated = packageOf(wit);
  if (against !== undefined) {
    const record = await registered(interfaces, tenant, against);
    const changes = diffPackages(await registry.read(record), root);
    return report(against, changes, await declaredFor(interfaces, tenant, record.name, changes));
  }
  if (stated.name === null || stated.version === null) return report(null, [], []);
  const compared = await registry.compareInRange(tenant, stated.name, stated.version, root);
  const shown = compared.against === null ? null : `${stated.name}@${compared.against}`;
  return report(shown, compared.changes, await declaredFor(interfaces, tenant, stated.name, compared.changes));
}

async function compareModule(
  { interfaces, interfaceRegistry: registry, gate, modules }: CompareParts,
  tenant: string,
  moduleId: string,
  against: string | undefined,
): Promise<InterfaceReport> {
  const module = await modules.get(tenant, moduleId);
  if (against === undefined) {
    const found = await gate.check({ module, http: module.http, regions: null });
    return report(found.against.length === 0 ? null : found.against.join(', '), found.changes, found.consumers);
  }
  const other = await modules.find(tenant, against);
  if (other !== null) return report(against, gate.compare(other.description, module.description), []);
  const record = await registered(interfaces, tenant, against);
  const world = worldOf(module.description);
  if (world === null) throw serverError('HS_INTERFACE_NOT_REGISTERED', { against });
  const promised = await registry.read(record);
  const exports = new Map(
    [...promised.interfaces.values()].map((each) => [each.id, { kind: 'interface', interface: each } as const]),
  );
  const changes = diffWorlds({ ...world, imports: new Map(), exports }, { ...world, imports: new Map() });
  return report(against, changes, []);
}

async function registered(
  interfaces: CompareParts['interfaces'],
  tenant: string,
  against: string,
): Promise<Awaited<ReturnType<CompareParts['interfaces']['get']>>> {
  const [name = '', version = ''] = against.split('@');
  const record = name.includes(':') ? await interfaces.find(tenant, name, version) : null;
  if (record === null) throw serverError('HS_INTERFACE_NOT_REGISTERED', { against });
  return record;
}

/** Declared consumers of the package that use what breaks. */
async function declaredFor(
  interfaces: CompareParts['interfaces'],
  tenant: string,
  name: string,
  changes: readonly InterfaceChange[],
): Promise<readonly AffectedConsumerView[]> {
  const breaking = changes.filter(({ severity }) => severity === 'breaking').map(({ path }) => path);
  if (breaking.length === 0) return [];
  return (await interfaces.consumers(tenant, [name])).flatMap(({ consumer, version, uses }) => {
    const paths = breaking.filter((path) => isUsedBy(path, uses)).slice(0, 20);
    return paths.length === 0 ? [] : [{ kind: 'declared' as const, name: `${consumer} (${name}@${version})`, paths }];
  });
}

function report(
  against: string | null,
  changes: readonly InterfaceChange[],
  consumers: readonly AffectedConsumerView[],
): InterfaceReport {
  return { compatible: !hasBreaking(changes), against, changes: changes.map(toChangeView), consumers };
}
