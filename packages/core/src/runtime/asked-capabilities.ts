import type { LoadOptions } from '../contracts/loaded-module.ts';
import type { RuntimeCapabilities } from '../contracts/runtime-host.ts';
import { runtimeContractError } from './error-codes.ts';

/** The capabilities that {@link LoadOptions} can ask for. @public */
export type AskedCapabilities = Pick<
  RuntimeCapabilities,
  'fuel' | 'hostFunctions' | 'moduleState' | 'outgoingHttp' | 'sockets'
>;

interface Need {
  readonly feature: string;
  readonly isAsked: (options: LoadOptions) => boolean;
}

const needs: Readonly<Record<keyof AskedCapabilities, Need>> = {
  fuel: { feature: 'fuel', isAsked: ({ runtime }) => (runtime?.fuel ?? null) !== null },
  hostFunctions: {
    feature: 'functions of the host',
    isAsked: ({ imports }) => Object.keys(imports ?? {}).length > 0,
  },
  moduleState: {
    feature: 'state that moves from version to version',
    isAsked: ({ runtime }) => runtime?.stateful === true,
  },
  outgoingHttp: { feature: 'outgoing HTTP', isAsked: ({ network }) => (network?.allowedHosts ?? []).length > 0 },
  sockets: { feature: 'sockets', isAsked: ({ network }) => opensSockets(network?.sockets) },
};

/**
 * Refuses options that ask for more than a runtime declares: better told when the module is loaded than by its first request.
 * A policy that opens nothing, such as an empty list of hosts, asks for nothing. Runtimes call it once {@link loadLimits} has
 * read the same options.
 * @throws HS_RUNTIME_UNSUPPORTED with the name of the missing one as `capability` in its details
 * @public
 */
export function checkCapabilities(options: LoadOptions, declared: AskedCapabilities): void {
  for (const capability of Object.keys(needs) as (keyof AskedCapabilities)[]) {
    const { feature, isAsked } = needs[capability];
    if (!declared[capability] && isAsked(options))
      throw runtimeContractError('HS_RUNTIME_UNSUPPORTED', { feature, capability });
  }
}

function opensSockets(sockets: NonNullable<LoadOptions['network']>['sockets']): boolean {
  // Without types, what is absent of them stays closed.
  const { tcp = [], udp = [], nameLookup = false } = sockets ?? {};
  return tcp.length > 0 || udp.length > 0 || nameLookup;
}
