import {
  errorFactory,
  isHotSwapError,
  type LoadedModule,
  type LoadOptions,
  type ModuleDescription,
  type RuntimeHost,
  type SlotTable,
} from '@hotswap/core';
import { V8RuntimeHost } from '@hotswap/testing';

const cancelled = errorFactory({ HS_RUNTIME_CANCELLED: { message: 'The call was cancelled', httpStatus: 499 } });

type Break = (host: RuntimeHost) => Partial<RuntimeHost>;

const inspect =
  (alter: (description: ModuleDescription) => ModuleDescription): Break =>
  (host) => ({ inspect: async (bytes) => alter(await host.inspect(bytes)) });
/** A loaded module with some methods replaced. */
const loaded =
  (patch: (module: LoadedModule) => Partial<LoadedModule>): Break =>
  (host) => ({
    load: async (...args) => {
      const module = await host.load(...args);
      const whole: LoadedModule = {
        description: module.description,
        digest: module.digest,
        invoke: (...call) => module.invoke(...call),
        run: (...call) => module.run(...call),
        open: () => module.open(),
        stats: () => module.stats(),
        ...(module.invokeSync ? { invokeSync: module.invokeSync.bind(module) } : {}),
        [Symbol.asyncDispose]: () => module[Symbol.asyncDispose](),
      };
      return { ...whole, ...patch(module) };
    },
  });
const invoke = (
  alter: (module: LoadedModule, ...call: Parameters<LoadedModule['invoke']>) => ReturnType<LoadedModule['invoke']>,
): Break => loaded((module) => ({ invoke: (...call) => alter(module, ...call) }));
const slots =
  (patch: (table: SlotTable) => Partial<SlotTable>): Break =>
  (host) => ({
    createSlotTable: () => {
      const table = host.createSlotTable();
      const whole: SlotTable = {
        set: (...args) => table.set(...args),
        remove: (...args) => table.remove(...args),
        invoke: (...args) => table.invoke(...args),
        run: (...args) => table.run(...args),
        drain: (...args) => table.drain(...args),
      };
      return { ...whole, ...patch(table) };
    },
  });
const declares =
  (capability: Partial<RuntimeHost['capabilities']>): Break =>
  (host) => ({ capabilities: { ...host.capabilities, ...capability } });
/** `spin` on this thread would never come back, so it answers at once. */
const noSpin: Break = invoke(async (module, name, ...rest) =>
  name === 'spin' ? { value: undefined, durationMs: 0 } : module.invoke(name, ...rest),
);
const both =
  (...faults: readonly Break[]): Break =>
  (host) =>
    Object.assign({}, ...faults.map((fault) => fault(host))) as Partial<RuntimeHost>;

const acceptsAll: Break = (host) => ({
  inspect: async (bytes) => {
    try {
      return await host.inspect(bytes);
    } catch {
      return {
        kind: 'core',
        wasiLevel: 'none',
        sizeBytes: bytes.length,
        imports: [],
        exports: [],
        functions: [],
        isCommand: false,
        servesHttp: null,
      };
    }
  },
});
/** Says that it runs programs, which it cannot load. */
const noPrograms: Break = declares({ wasi: ['preview1'] });
const oneInstance: Break = loaded((module) => {
  const instance = module.open();
  return { invoke: async (...call) => (await instance).invoke(...call) };
});
const otherCode = (from: string): Break =>
  invoke(async (module, ...call) => {
    try {
      return await module.invoke(...call);
    } catch (thrown) {
      if (isHotSwapError(thrown, from)) throw new TypeError('an error without a code');
      throw thrown;
    }
  });

/** For each clause of the runtime suite a host that breaks it. */
export const runtimeHostFaults: Readonly<Record<string, Break>> = {
  'names itself and its version': () => ({ version: '' }),
  'describes a core module without running it': inspect((description) => ({
    ...description,
    functions: description.functions.map(({ name }) => ({ name, params: [] })),
  })),
  'describes imports, WASI level and commands': inspect((description) => ({ ...description, wasiLevel: 'none' })),
  'refuses what is no module, truncated ones too, and lives': acceptsAll,
  'refuses bytes of another digest': (host) => ({
    load: (source, options) => host.load('bytes' in source ? { bytes: source.bytes } : source, options),
  }),
  'refuses a module whose imports nobody offers, and names them': (host) => ({
    load: async (source, options) =>
      host
        .load(source, options)
        .catch((thrown: unknown) =>
          Promise.reject(isHotSwapError(thrown, 'HS_RUNTIME_LINK_FAILED') ? new TypeError('cannot link') : thrown),
        ),
  }),
  'starts a module while it loads it, unless it is told not to': (host) => ({
    load: (source, options) => host.load(source, { ...options, probe: false }),
  }),
  'calls exports with numbers of each width': invoke(async (module, name, args, options) => {
    const { value, durationMs } = await module.invoke(name, args, options);
    return { value: typeof value === 'bigint' ? BigInt(Number(value) - 1) : value, durationMs };
  }),
  'takes - and _ in a name for the same': invoke(async (module, name, ...rest) =>
    module.invoke(name.replace('-', '#'), ...rest),
  ),
  'gives every call a fresh instance': oneInstance,
  'a trap fails its own call and harms no other': oneInstance,
  'refuses an unknown export, and arguments that do not fit': otherCode('HS_RUNTIME_INVALID_ARGUMENT'),
  'calls on the calling thread exactly when it says that it can': declares({ synchronous: false }),
  'ends an endless loop in time, where it limits time': both(declares({ cpuLimit: true }), noSpin),
  'can be cancelled, where it limits time': both(declares({ cpuLimit: true }), noSpin),
  'refuses memory beyond the limit, where it limits memory': declares({ memoryLimit: true }),
  'runs a command and gives its exit code as a result, where it has WASI': declares({ wasi: ['preview1'] }),
  'keeps the state of an opened instance, and closes it when it traps': loaded((module) => ({
    open: async () => ({ invoke: (...call) => module.invoke(...call), [Symbol.asyncDispose]: async () => {} }),
  })),
  'bounds what waits for the turn of an opened instance, where it limits time': both(
    declares({ cpuLimit: true }),
    loaded((module) => ({
      open: async () => ({
        invoke: async (name, ...rest) => {
          if (name === 'spin') throw cancelled('HS_RUNTIME_CANCELLED');
          return module.invoke(name, ...rest);
        },
        [Symbol.asyncDispose]: async () => {},
      }),
    })),
  ),
  'counts calls, errors and crashes': loaded((module) => ({
    stats: () => ({ ...module.stats(), calls: 0, errors: 0, crashes: 0, inFlight: 0 }),
  })),
  'refuses calls once it is closed': loaded(() => ({ [Symbol.asyncDispose]: async () => {} })),
  'runs nothing that is no command': loaded(() => ({
    run: async () => ({
      exitCode: 0,
      stdout: new Uint8Array(),
      stderr: new Uint8Array(),
      droppedBytes: 0,
      durationMs: 0,
    }),
  })),
  'refuses limits that are no numbers of their kind, and lives': (host) => ({
    load: (source, { limits: _limits, ...options } = {}) => host.load(source, options),
  }),
  'refuses limits of the network that are no numbers of their kind, and lives': (host) => ({
    load: (source, { network: _network, ...options } = {}) => host.load(source, options),
  }),
  'refuses options that there are not, and lives': (host) => ({ load: (source) => host.load(source) }),
  'refuses grants that are not of their kind, by their path, and lives': (host) => ({
    load: (source, { wasi: _wasi, ...options } = {}) => host.load(source, options),
  }),
  'refuses a network policy that is not of its kind, by the path, and lives': (host) => ({
    load: (source, { network: _network, ...options } = {}) => host.load(source, options),
  }),
  'takes options that are undefined for absent': (host) => ({
    load: (source, options) =>
      host.load(
        source,
        JSON.parse(
          JSON.stringify(options, (_name, value: unknown) => (value === undefined ? null : value)),
        ) as LoadOptions,
      ),
  }),
  'opens no network that it does not declare, and takes a policy that opens none': (host) => ({
    load: (source, { network: _network, ...options } = {}) => host.load(source, options),
  }),
  'takes Infinity for no bound': declares({ fuel: true, instanceReuse: true }),
  'refuses a time limit of a call that is none, where it limits time': declares({ cpuLimit: true }),
  'runs components exactly when it says so': declares({ components: true }),
  'counts fuel and ends a call that used it up, or refuses to count it': declares({ fuel: true }),
  'takes no call on an open instance that has used up its fuel': declares({ fuel: true }),
  'does not speak of fuel where none was asked for': invoke(async (module, ...call) => ({
    ...(await module.invoke(...call)),
    fuelUsed: 5,
  })),
  'uses an instance again as often as it is told, where it keeps instances': declares({ instanceReuse: true }),
  'gives a program its memory while an instance is kept': declares({ instanceReuse: true }),
  'never uses an instance again that trapped': both(declares({ instanceReuse: true }), oneInstance),
  'refuses SIMD where a module must not use it': declares({ simd: true }),
  'refuses functions of the host, where it cannot call them': (host) => ({ load: (source) => host.load(source) }),
  'serves HTTP exactly when it says so': declares({ http: true }),
  'a program gets the arguments and environment of its policy, and nothing else': noPrograms,
  'a program has the name of its policy, and otherwise one of its runtime': noPrograms,
  'refuses arguments and variables that are no text, and lives': noPrograms,
  'a program gets the arguments, environment and input of its call': noPrograms,
  'what a program writes beyond the limit is dropped and counted': noPrograms,
  'a program is not given more input than the limit': noPrograms,
  'programs that run at once do not see each other': noPrograms,
  'a program reads a file of the folder that it was given': noPrograms,
  'a program changes nothing in a folder that is read-only': noPrograms,
  'a program writes into a folder that is not read-only': noPrograms,
  'a program does not get out of its folder, by its path or by a link': noPrograms,
  'a folder that is not there is refused by a code that does not tell where it was looked for': noPrograms,
  'what a function writes is in the result of its call, by stream': noPrograms,
  'a call that writes nothing does not speak of output': noPrograms,
  'output of calls that run at once does not mix': noPrograms,
  'an instance that is used again does not repeat what it wrote': declares({ wasi: ['preview1'], instanceReuse: true }),
  'each call of an open instance has what it wrote itself': noPrograms,
  'what a function writes beyond the limit is dropped and counted': noPrograms,
  'all calls of a module log no more in a second than they may': noPrograms,
  'a command writes as much as its limit, whatever functions may log': noPrograms,
  'a call that traps tells what it had written': noPrograms,
  'a call that runs out of time tells what it had written': declares({ wasi: ['preview1'], cpuLimit: true }),
  'a call that its caller cancels tells what it had written': declares({ wasi: ['preview1'], cpuLimit: true }),
  'a slot serves its version and says which one it was': slots((table) => ({
    invoke: async (...args) => ({ ...(await table.invoke(...args)), version: 'current' }),
  })),
  'unknown slots and versions are refused by name': slots((table) => ({
    remove: () => undefined,
    set: (...args) => table.set(...args),
  })),
  'a pinned request gets its version, whatever the weights': slots((table) => ({
    invoke: (name, fn, args, { version: _version, ...call } = {}) => table.invoke(name, fn, args, call),
  })),
  'weights share the requests': slots((table) => ({
    set: (name, { versions }) =>
      table.set(name, { versions: new Map([...versions].map(([id, { module }]) => [id, { module, weight: 1 }])) }),
  })),
  'a key keeps its version and never flips back as a weight grows': slots((table) => ({
    invoke: (name, fn, args, { stickyKey: _key, ...call } = {}) => table.invoke(name, fn, args, call),
  })),
  'a swap under load fails no request': slots((table) => ({
    set: (name, assignment) => {
      table.remove(name);
      queueMicrotask(() => table.set(name, assignment));
    },
  })),
  'a drain waits as long as it is told, without end too': both(declares({ cpuLimit: true }), noSpin),
  'drain resolves when no request holds the module any more': slots(() => ({
    drain: async () => ({ finished: 0, cut: 1 }),
  })),
};

/** The host on the JavaScript engine's WebAssembly with a fault. */
export function brokenRuntimeHost(fault: Break): RuntimeHost {
  const host = new V8RuntimeHost();
  const whole: RuntimeHost = {
    name: host.name,
    version: host.version,
    capabilities: host.capabilities,
    inspect: (bytes) => host.inspect(bytes),
    load: (source, options) => host.load(source, options),
    createSlotTable: () => host.createSlotTable(),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
  return { ...whole, ...fault(whole) };
}
