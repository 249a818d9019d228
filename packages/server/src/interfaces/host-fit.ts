import type { ModuleDescription } from '@hotswap/core';
import { worldOf } from '@hotswap/interfaces';
import type { HostKind } from '../ports/interface-store.ts';

/** Why a kind of host cannot run a module. @internal */
export interface HostMisfit {
  readonly host: HostKind;
  readonly why: string;
}

/** Agents with these engines link nothing but WASI and what HotSwap itself offers. */
const knownRuntimes: ReadonlySet<string> = new Set(['wasmtime', 'wasmer', 'wasmedge']);
const offeredToComponents = ['io', 'clocks', 'random', 'filesystem', 'sockets', 'cli', 'http'].map(
  (name) => new RegExp(`^wasi:${name}/[^@]+@0\\.2\\.`),
);
/** There is no released version of it. */
const logging = /^wasi:logging\/logging(?:@|$)/;
const preview3 = /^wasi:[a-z-]+\/[^@]+@0\.3\./;
const offeredToCore = /^(?:wasi_snapshot_preview1|wasi_unstable|hotswap:module\/metrics(?:@0\.1\.\d+)?)\./;

/**
 * Kinds of hosts that cannot link a module: what they said of themselves when they joined, and what their engines link.
 * `isRegistered`: whether the interface registry has approved an import, which says that hosts offer it.
 * @internal
 */
export function hostMisfits(
  module: ModuleDescription,
  hosts: readonly HostKind[],
  isRegistered: (importName: string) => boolean,
): readonly HostMisfit[] {
  const needed = neededImports(module);
  return hosts.flatMap((host) => {
    const why = misfit(module, needed, host, isRegistered);
    return why === null ? [] : [{ host, why }];
  });
}

function misfit(
  { kind, wasiLevel }: ModuleDescription,
  needed: readonly string[],
  { runtime, capabilities }: HostKind,
  isRegistered: (importName: string) => boolean,
): string | null {
  if (kind === 'component' && capabilities['components'] === false) return 'runs no components';
  const { wasi } = capabilities;
  if (wasiLevel !== 'none' && Array.isArray(wasi) && !wasi.includes(wasiLevel)) return `has no WASI ${wasiLevel}`;
  if (!knownRuntimes.has(runtime.toLowerCase())) return null;
  const foreign = needed.filter((name) => !isOffered(kind, name, capabilities) && !isRegistered(name));
  return foreign.length === 0 ? null : `does not offer ${foreign.slice(0, 10).join(', ')}`;
}

/** Whether hosts of the known engines offer an import. @internal */
export function isOffered(
  kind: 'core' | 'component',
  name: string,
  capabilities: HostKind['capabilities'] = {},
): boolean {
  if (kind === 'core') return offeredToCore.test(name);
  if (name.startsWith('hotswap:module/metrics') || logging.test(name)) return true;
  if (preview3.test(name)) return Array.isArray(capabilities['wasi']) && capabilities['wasi'].includes('preview3');
  return offeredToComponents.some((pattern) => pattern.test(name));
}

/** Imports that a host has to give: interfaces with types alone need nobody. */
function neededImports(module: ModuleDescription): readonly string[] {
  const world = worldOf(module);
  if (world === null) return module.imports.map(({ name }) => name);
  return [...world.imports]
    .filter(([, item]) => item.kind === 'function' || (item.kind === 'interface' && item.interface.functions.size > 0))
    .map(([name]) => name);
}
