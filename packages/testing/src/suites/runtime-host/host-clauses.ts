import assert from 'node:assert/strict';
import {
  isHotSwapError,
  sha256Hex,
  type LoadedModule,
  type RuntimeCapabilities,
  type RuntimeHost,
} from '@hotswap/core';
import { type Clause, type Clauses, NotDeclared } from '../define-suite.ts';
import { bytesOf, commandModule, coreModule, importingModule, trappingModule } from './contract-modules.ts';

/** A folder of this machine for guests. @public */
export interface ContractFolder {
  /** Holds `in.txt`, which says `inside`, and `link`, a symbolic link to a file outside of it. */
  readonly hostPath: string;
  /** Names of the files that are there now. */
  names(): Promise<readonly string[]>;
}

/** A runtime that nothing has been loaded into. @public */
export interface RuntimeHostRig extends AsyncDisposable {
  readonly host: RuntimeHost;
  /** Needed by hosts that declare a WASI. */
  readonly folder?: ContractFolder;
}

/** What a clause can be about: a capability that is a switch, or preview 1 of WASI. */
type Capability = Exclude<keyof RuntimeCapabilities, 'wasi' | 'experimental'> | 'preview1';

/** A clause about a capability, which proves nothing where that is not declared; about several, one within the other. @internal */
export function where(capability: Capability, clause: Clause<RuntimeHostRig>): Clause<RuntimeHostRig> {
  return async (rig) => {
    const { name, capabilities } = rig.host;
    const declared = capability === 'preview1' ? capabilities.wasi.includes(capability) : capabilities[capability];
    if (!declared) return new NotDeclared(`${name} does not declare ${capability}`);
    return await clause(rig);
  };
}

/** @internal */
export async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (thrown) => isHotSwapError(thrown, code), `expected ${code}`);
}

/** @internal */
export const loadCore = (host: RuntimeHost): Promise<LoadedModule> => host.load({ bytes: bytesOf(coreModule) });
const valueOf = async (
  module: LoadedModule,
  name: string,
  ...args: Parameters<LoadedModule['invoke']>[1]
): Promise<unknown> => (await module.invoke(name, args)).value;

const garbage = (): readonly Uint8Array[] => {
  const whole = bytesOf(coreModule);
  return [
    new Uint8Array(),
    new Uint8Array([0, 0x61, 0x73, 0x6d]),
    whole.slice(0, whole.length - 3),
    new TextEncoder().encode('(module)'),
    new Uint8Array(1_000).fill(0xff),
  ];
};

/** @internal */
export const hostClauses: Clauses<RuntimeHostRig> = {
  async 'names itself and its version'({ host }) {
    assert.match(host.name, /^[a-z][a-z0-9-]*$/);
    assert.notEqual(host.version, '');
  },

  async 'describes a core module without running it'({ host }) {
    const description = await host.inspect(bytesOf(coreModule));
    assert.deepEqual(
      [description.kind, description.wasiLevel, description.isCommand, description.sizeBytes],
      ['core', 'none', false, bytesOf(coreModule).length],
    );
    const add = description.functions.find(({ name }) => name === 'add');
    assert.deepEqual([add?.params.map(({ type }) => type), add?.result], [['i32', 'i32'], 'i32']);
    assert.equal(description.functions.find(({ name }) => name === 'nothing')?.result, undefined);
    assert.ok(description.exports.some(({ name, kind }) => name === 'memory' && kind === 'memory'));
  },

  async 'describes imports, WASI level and commands'({ host }) {
    const command = await host.inspect(bytesOf(commandModule));
    assert.deepEqual([command.wasiLevel, command.isCommand], ['preview1', true]);
    assert.ok(command.imports.some(({ name }) => name.includes('fd_write')));
    assert.ok((await host.inspect(bytesOf(importingModule))).imports.some(({ name }) => name.includes('nobody')));
  },

  async 'refuses what is no module, truncated ones too, and lives'({ host }) {
    for (const bytes of garbage()) {
      await rejects(host.inspect(bytes), 'HS_RUNTIME_INVALID_MODULE');
      await rejects(host.load({ bytes }), 'HS_RUNTIME_INVALID_MODULE');
    }
    await using module = await loadCore(host);
    assert.equal(await valueOf(module, 'add', 1, 2), 3);
  },

  async 'refuses bytes of another digest'({ host }) {
    await rejects(host.load({ bytes: bytesOf(coreModule), digest: '0'.repeat(64) }), 'HS_RUNTIME_DIGEST_MISMATCH');
    await using module = await host.load({ bytes: bytesOf(coreModule), digest: await sha256Hex(bytesOf(coreModule)) });
    assert.equal(module.digest, await sha256Hex(bytesOf(coreModule)));
  },

  async 'refuses a module whose imports nobody offers, and names them'({ host }) {
    await assert.rejects(
      host.load({ bytes: bytesOf(importingModule) }),
      (thrown) => isHotSwapError(thrown, 'HS_RUNTIME_LINK_FAILED') && thrown.message.includes('nobody'),
    );
  },

  async 'starts a module while it loads it, unless it is told not to'({ host }) {
    const bytes = bytesOf(trappingModule);
    await rejects(host.load({ bytes }), 'HS_RUNTIME_TRAP');
    await using module = await host.load({ bytes }, { probe: false });
    await rejects(module.invoke('x', []), 'HS_RUNTIME_TRAP');
  },

  async 'calls exports with numbers of each width'({ host }) {
    await using module = await loadCore(host);
    assert.equal(await valueOf(module, 'add', 2_147_483_647, 1), -2_147_483_648);
    assert.equal(await valueOf(module, 'add_wide', 9_007_199_254_740_993n, 1n), 9_007_199_254_740_994n);
    assert.equal(await valueOf(module, 'half', 0.5), 0.25);
    assert.equal(await valueOf(module, 'nothing'), undefined);
    assert.equal(await valueOf(module, 'health_check'), 1);
  },

  async 'takes - and _ in a name for the same'({ host }) {
    await using module = await loadCore(host);
    assert.equal(await valueOf(module, 'health-check'), 1);
  },

  async 'gives every call a fresh instance'({ host }) {
    await using module = await loadCore(host);
    assert.deepEqual([await valueOf(module, 'count'), await valueOf(module, 'count')], [1, 1]);
  },

  async 'a trap fails its own call and harms no other'({ host }) {
    await using module = await loadCore(host);
    const calls = Array.from({ length: 20 }, (_, n) =>
      module.invoke(n % 2 === 0 ? 'add' : 'divide', n % 2 === 0 ? [n, 1] : [n, 0]),
    );
    const results = await Promise.allSettled(calls);
    results.forEach((result, n) => {
      if (n % 2 === 0) assert.deepEqual(result.status === 'fulfilled' && result.value.value, n + 1);
      else assert.ok(result.status === 'rejected' && isHotSwapError(result.reason, 'HS_RUNTIME_TRAP'));
    });
    assert.equal(await valueOf(module, 'divide', 6, 3), 2);
  },

  async 'refuses an unknown export, and arguments that do not fit'({ host }) {
    await using module = await loadCore(host);
    await rejects(module.invoke('no_such_function', []), 'HS_RUNTIME_UNKNOWN_EXPORT');
    await rejects(module.invoke('memory', []), 'HS_RUNTIME_UNKNOWN_EXPORT');
    for (const args of [[1], [1, 2, 3], ['1', 2], [1, undefined]])
      await rejects(module.invoke('add', args), 'HS_RUNTIME_INVALID_ARGUMENT');
  },

  async 'calls on the calling thread exactly when it says that it can'({ host }) {
    await using module = await loadCore(host);
    assert.equal(module.invokeSync !== undefined, host.capabilities.synchronous);
    if (module.invokeSync) assert.equal(module.invokeSync('add', [20, 22]), 42);
  },

  'ends an endless loop in time, where it limits time': where('cpuLimit', async ({ host }) => {
    await using module = await loadCore(host);
    await rejects(module.invoke('spin', [], { timeoutMs: 100 }), 'HS_RUNTIME_TIMEOUT');
    assert.equal(await valueOf(module, 'add', 1, 1), 2);
  }),

  'can be cancelled, where it limits time': where('cpuLimit', async ({ host }) => {
    await using module = await loadCore(host);
    await rejects(
      module.invoke('spin', [], { signal: AbortSignal.timeout(50), timeoutMs: 5_000 }),
      'HS_RUNTIME_CANCELLED',
    );
  }),

  'refuses memory beyond the limit, where it limits memory': where('memoryLimit', async ({ host }) => {
    await using module = await host.load({ bytes: bytesOf(coreModule) }, { limits: { maxMemoryMB: 1 } });
    assert.equal(await valueOf(module, 'grow', 1_000), -1);
    assert.ok(module.stats().memoryRefusals >= 1, 'the refusal is counted');
  }),

  async 'runs nothing that is no command'({ host }) {
    await using core = await loadCore(host);
    await rejects(core.run(), 'HS_RUNTIME_NOT_A_COMMAND');
  },

  'runs a command and gives its exit code as a result, where it has WASI': where('preview1', async ({ host }) => {
    await using command = await host.load({ bytes: bytesOf(commandModule) });
    const result = await command.run();
    assert.deepEqual([result.exitCode, new TextDecoder().decode(result.stdout)], [3, 'hello\n']);
  }),

  'keeps the state of an opened instance, and closes it when it traps': where('statefulInstances', async ({ host }) => {
    await using module = await loadCore(host);
    await using instance = await module.open();
    await instance.invoke('count', []);
    assert.equal((await instance.invoke('count', [])).value, 2);
    await rejects(instance.invoke('divide', [1, 0]), 'HS_RUNTIME_TRAP');
    await rejects(instance.invoke('count', []), 'HS_RUNTIME_STALE_HANDLE');
  }),

  'bounds what waits for the turn of an opened instance, where it limits time': where(
    'statefulInstances',
    where('cpuLimit', async ({ host }) => {
      await using module = await loadCore(host);
      await using instance = await module.open();
      const caller = new AbortController();
      const running = instance.invoke('spin', [], { signal: caller.signal });
      const waiting = Array.from({ length: 2_000 }, () => instance.invoke('count', []));
      caller.abort();
      const codes = (await Promise.allSettled([running, ...waiting])).map((outcome) =>
        outcome.status === 'rejected' && isHotSwapError(outcome.reason) ? outcome.reason.code : 'answered',
      );
      assert.equal(codes[0], 'HS_RUNTIME_CANCELLED');
      const refusedFrom = codes.indexOf('HS_RUNTIME_QUEUE_FULL');
      assert.ok(refusedFrom > 100, 'hundreds of calls may wait, not thousands');
      // Its end takes the instance from those that waited.
      assert.deepEqual(new Set(codes.slice(1, refusedFrom)), new Set(['HS_RUNTIME_STALE_HANDLE']));
      assert.deepEqual(new Set(codes.slice(refusedFrom)), new Set(['HS_RUNTIME_QUEUE_FULL']));
      assert.equal(await valueOf(module, 'add', 1, 1), 2);
    }),
  ),

  async 'counts calls, errors and crashes'({ host }) {
    await using module = await loadCore(host);
    await module.invoke('add', [1, 2]);
    await assert.rejects(module.invoke('divide', [1, 0]));
    const { calls, crashes, inFlight } = module.stats();
    assert.deepEqual([calls, crashes, inFlight], [2, 1, 0]);
  },

  async 'refuses calls once it is closed'({ host }) {
    const module = await loadCore(host);
    await module[Symbol.asyncDispose]();
    await module[Symbol.asyncDispose]();
    await rejects(module.invoke('add', [1, 2]), 'HS_RUNTIME_CLOSED');
  },
};
