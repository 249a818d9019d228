import type { HostImports, LoadOptions, NetworkPolicy, WasiPolicy } from '../contracts/loaded-module.ts';
import type { InstanceReuse, ModuleRuntime, ResourceLimits } from '../model/module.ts';
import { runtimeContractError } from './error-codes.ts';

/** Refuses a value that is not of its kind; is not asked about `undefined`, which is absent. */
type Kind = (path: string, value: unknown) => void;

/** The compiler says when an option is missing here. */
type Shape<Options> = Readonly<Record<keyof Options, Kind>>;

type Dir = NonNullable<WasiPolicy['dirs']>[number];
type Sockets = NonNullable<NetworkPolicy['sockets']>;

/** Judged with its range where the numbers are read. */
const number: Kind = () => undefined;

const flag: Kind = (path, value) => {
  if (typeof value !== 'boolean') refuse(path, 'true or false');
};

/** Half of a surrogate pair is no text outside of JavaScript: no engine could be told what is meant. */
const text: Kind = (path, value) => {
  if (typeof value !== 'string' || !value.isWellFormed()) refuse(path, 'a text of whole characters');
};

const hostFunction: Kind = (path, value) => {
  if (typeof value !== 'function') refuse(path, 'a function');
};

const listOf =
  (item: Kind): Kind =>
  (path, value) => {
    if (!Array.isArray(value)) return refuse(path, 'a list');
    for (const [n, one] of value.entries()) item(`${path}[${n}]`, one);
  };

/** `null` says that there is to be none. */
const orNone =
  (kind: Kind): Kind =>
  (path, value) => {
    if (value !== null) kind(path, value);
  };

const optionsOf =
  <Options>(shape: Shape<Options>, needed: readonly (keyof Options)[] = []): Kind =>
  (path, value) => {
    const given = record(path, value);
    const within = (name: string): string => (path === '' ? name : `${path}.${name}`);
    const wrong = Object.keys(given).find((name) => !Object.hasOwn(shape, name));
    if (wrong !== undefined) refuse(within(wrong), `one of ${Object.keys(shape).join(', ')}`);
    for (const [name, kind] of Object.entries<Kind>(shape))
      if (given[name] !== undefined || needed.includes(name as keyof Options)) kind(within(name), given[name]);
  };

const limits = optionsOf<ResourceLimits>({
  maxMemoryMB: number,
  maxExecutionTime: number,
  maxCpuPercent: number,
  maxInputSize: number,
});

/** Whether a guest may write into a folder is said, never guessed. */
const dir = optionsOf<Dir>({ hostPath: text, guestPath: text, readOnly: flag }, ['hostPath', 'guestPath', 'readOnly']);

const env: Kind = (path, value) => {
  for (const [name, one] of Object.entries(record(path, value))) {
    text(path, name);
    text(`${path}.${name}`, one);
  }
};

const wasi = optionsOf<WasiPolicy>({ programName: text, args: listOf(text), env, dirs: listOf(dir) });

const reuse = optionsOf<InstanceReuse>({ maxInstances: number, maxCalls: number, maxIdleTime: number });

const runtime = optionsOf<ModuleRuntime>({
  reuse: orNone(reuse),
  fuel: number,
  simd: flag,
  aotCache: flag,
  stateful: flag,
});

const sockets = optionsOf<Sockets>({ tcp: listOf(text), udp: listOf(text), nameLookup: flag });

const network = optionsOf<NetworkPolicy>({
  allowedHosts: listOf(text),
  allowPrivateAddresses: flag,
  sockets,
  extraRootsPem: listOf(text),
  maxConcurrentRequests: number,
  maxRequestBytes: number,
  maxResponseBytes: number,
  requestTimeoutMs: number,
});

const imports: Kind = (path, value) => {
  for (const [from, functions] of Object.entries(record(path, value) as HostImports))
    for (const [name, fn] of Object.entries(record(`${path}[${from}]`, functions)))
      hostFunction(`${path}[${from}].${name}`, fn);
};

const all = optionsOf<LoadOptions>({
  limits,
  wasi,
  maxOutputSize: number,
  runtime,
  network,
  imports,
  maxStateBytes: number,
  maxLogBytesPerSecond: number,
  probe: flag,
});

/**
 * Refuses options that there are not, for a limit whose name is written wrong would be none, and values that are not of
 * their option's kind, which engines would each take for something else. Numbers are not judged here.
 * @throws HS_RUNTIME_INVALID_ARGUMENT with the path of the first one, such as `wasi.dirs[0].readOnly`
 * @internal
 */
export function checkOptionShape(options: LoadOptions): void {
  all('', options);
}

/** What can be gone through to the end is a list or a map, whose keys are not its contents. */
function record(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value)
    return refuse(path === '' ? 'options' : path, 'an object');
  return value as Readonly<Record<string, unknown>>;
}

function refuse(path: string, expected: string): never {
  throw runtimeContractError('HS_RUNTIME_INVALID_ARGUMENT', { path, expected });
}
