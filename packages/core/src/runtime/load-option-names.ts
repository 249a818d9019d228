import type { LoadOptions, NetworkPolicy, WasiPolicy } from '../contracts/loaded-module.ts';
import type { InstanceReuse, ModuleRuntime, ResourceLimits } from '../model/module.ts';
import { runtimeContractError } from './error-codes.ts';

/** The compiler says when one is missing here. */
type Names<Options> = Readonly<Record<keyof Options, true>>;

const all: Names<LoadOptions> = {
  limits: true,
  wasi: true,
  maxOutputSize: true,
  runtime: true,
  network: true,
  imports: true,
  maxStateBytes: true,
  maxLogBytesPerSecond: true,
  probe: true,
};
const limits: Names<ResourceLimits> = {
  maxMemoryMB: true,
  maxExecutionTime: true,
  maxCpuPercent: true,
  maxInputSize: true,
};
const wasi: Names<WasiPolicy> = { programName: true, args: true, env: true, dirs: true };
const runtime: Names<ModuleRuntime> = { reuse: true, fuel: true, simd: true, aotCache: true, stateful: true };
const reuse: Names<InstanceReuse> = { maxInstances: true, maxCalls: true, maxIdleTime: true };
const network: Names<NetworkPolicy> = {
  allowedHosts: true,
  allowPrivateAddresses: true,
  sockets: true,
  extraRootsPem: true,
  maxConcurrentRequests: true,
  maxRequestBytes: true,
  maxResponseBytes: true,
  requestTimeoutMs: true,
};
const sockets: Names<NonNullable<NetworkPolicy['sockets']>> = { tcp: true, udp: true, nameLookup: true };

/**
 * Refuses options that there are not: a limit whose name is written wrong would be none.
 * @throws HS_RUNTIME_INVALID_ARGUMENT naming the first one
 * @internal
 */
export function checkOptionNames(options: LoadOptions): void {
  check('', options, all);
  check('limits.', options.limits, limits);
  check('wasi.', options.wasi, wasi);
  check('runtime.', options.runtime, runtime);
  check('runtime.reuse.', options.runtime?.reuse, reuse);
  check('network.', options.network, network);
  check('network.sockets.', options.network?.sockets, sockets);
}

function check(at: string, given: object | null | undefined, known: Readonly<Record<string, true>>): void {
  const wrong = Object.keys(given ?? {}).find((name) => !Object.hasOwn(known, name));
  if (wrong === undefined) return;
  const path = `${at}${wrong}`;
  throw runtimeContractError('HS_RUNTIME_INVALID_ARGUMENT', {
    path,
    expected: `one of ${Object.keys(known).join(', ')}`,
  });
}
