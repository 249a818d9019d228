import {
  defaultHealthCheck,
  httpServingOf,
  resolveHealthCheck,
  type HealthCheckOverride,
  type ModuleDescription,
  type ModuleHttp,
  type ModuleRuntime,
} from '@hotswap/core';
import type { CheckedModuleMetadata } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';

/**
 * Holds a binary to what its author says of it.
 * @returns everything that is wrong, as errors to be thrown or listed
 * @internal
 */
export function checkModule(
  description: ModuleDescription,
  metadata: Partial<CheckedModuleMetadata>,
): readonly Error[] {
  return [
    wasiProblem(description, metadata),
    interfaceProblem(description, metadata),
    healthProblem(description, metadata.healthCheck),
    httpProblem(description, metadata),
  ].filter((problem) => problem !== null);
}

/** The mistake of a health check whose function the module lacks; `null` when there is none. @internal */
export function healthProblem(description: ModuleDescription, check: HealthCheckOverride | undefined): Error | null {
  const { enabled, functionName } = resolveHealthCheck(check);
  if (!enabled || exportsFunction(description, functionName)) return null;
  return serverError('HS_REGISTRY_HEALTH_FUNCTION_MISSING', {
    functionName,
    errors: [
      {
        pointer: '/healthCheck/functionName',
        detail:
          functionName === defaultHealthCheck.functionName
            ? 'is not exported (this is the default name)'
            : 'is not exported',
      },
    ],
  });
}

/**
 * The mistake of an `http` block on a binary that answers no requests, or beside `runtime.stateful`; `null` when there is
 * none.
 * @internal
 */
export function httpProblem(
  description: ModuleDescription,
  { http, runtime }: { readonly http?: ModuleHttp | null; readonly runtime?: Pick<ModuleRuntime, 'stateful'> },
): Error | null {
  if (http === null || http === undefined) return null;
  if (runtime?.stateful === true) {
    // Requests run side by side in instances of their own: they would never meet the state.
    return serverError('HS_REGISTRY_STATEFUL_HTTP', {
      errors: [{ pointer: '/runtime/stateful', detail: 'does not go together with http' }],
    });
  }
  if (httpServingOf(description) !== null) return null;
  const lacks =
    description.kind === 'component'
      ? 'a component has to export wasi:http/incoming-handler or wasi:http/handler'
      : 'a core module has to export hotswap_http_handle or be a command of WASI preview1';
  return serverError('HS_REGISTRY_SERVES_NO_HTTP', { lacks, errors: [{ pointer: '/http', detail: lacks }] });
}

/** `-` and `_` are the same; a function of an interface may be named without it. */
function exportsFunction({ functions }: ModuleDescription, functionName: string): boolean {
  const wanted = plain(functionName);
  return functions.some(
    ({ name }) => plain(name) === wanted || plain(name.slice(name.lastIndexOf('#') + 1)) === wanted,
  );
}

const plain = (name: string): string => name.replaceAll('-', '_');

const levelText = {
  none: 'without WASI (none)',
  preview1: 'WASI preview1',
  preview2: 'WASI preview2',
  preview3: 'WASI preview3',
} as const;

function wasiProblem({ wasiLevel }: ModuleDescription, { wasiVersion }: Partial<CheckedModuleMetadata>): Error | null {
  if (wasiVersion === undefined || wasiVersion === wasiLevel) return null;
  return serverError('HS_REGISTRY_WASI_MISMATCH', {
    declared: levelText[wasiVersion],
    actual: levelText[wasiLevel],
    errors: [{ pointer: '/wasiVersion', detail: `is ${wasiVersion}, the binary is ${wasiLevel}` }],
  });
}

/** Preview 1 is one flat module: declaring `wasiVersion` allows it (D-4). */
function interfaceProblem(
  description: ModuleDescription,
  { interfaces }: Partial<CheckedModuleMetadata>,
): Error | null {
  if (interfaces === undefined) return null;
  const exceeding = description.imports
    .map(({ name }) => name)
    .filter(
      (name) =>
        !/^wasi_(?:snapshot_preview1|unstable)(?:\.|$)/.test(name) &&
        !interfaces.some((allowed) => covers(allowed, name)),
    );
  if (exceeding.length === 0) return null;
  return serverError('HS_REGISTRY_INTERFACE_EXCEEDED', {
    imports: exceeding.slice(0, 20).join(', '),
    errors: [{ pointer: '/interfaces', detail: `lacks ${exceeding.slice(0, 20).join(', ')}` }],
  });
}

/** `wasi:http` covers the package, `wasi:http/types` the interface in any version, `wasi:http/types@0.2.0` just that one; `env` a core module's namespace. */
function covers(allowed: string, name: string): boolean {
  return (
    name === allowed ||
    ['/', '@', '.'].some((border) => name.startsWith(`${allowed}${border}`)) ||
    name.replace(/@[^/]*$/, '') === allowed
  );
}
