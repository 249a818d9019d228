import type {
  ErrorFactory,
  ModuleDescription,
  CallOptions,
  CallResult,
  CommandResult,
  LoadedModule,
  WitValue,
} from '@hotswap/core';
import { runtimeContractErrorCodes, errorFactory } from '@hotswap/core';

/** Errors as runtimes throw them. */
export const runtimeError: ErrorFactory<typeof runtimeContractErrorCodes> = errorFactory(runtimeContractErrorCodes);

/** A module that does as it is told, one answer after the other; the last one stays. */
export class FakeModule implements LoadedModule {
  readonly description: ModuleDescription = {
    kind: 'core',
    wasiLevel: 'none',
    sizeBytes: 8,
    imports: [],
    exports: [],
    functions: [],
    isCommand: true,
    servesHttp: null,
  };
  readonly digest: string = 'ab'.repeat(32);
  readonly script: (() => WitValue | Promise<WitValue>)[] = [() => 'module'];
  calls = 0;
  isClosed = false;

  async invoke(_name: string, _args: readonly WitValue[], _options?: CallOptions): Promise<CallResult> {
    this.calls++;
    const next = this.script.length > 1 ? this.script.shift() : this.script[0];
    return { value: await next?.(), durationMs: 1 };
  }

  async run(): Promise<CommandResult> {
    const { value } = await this.invoke('run', []);
    return {
      exitCode: Number(value),
      stdout: new Uint8Array(),
      stderr: new Uint8Array(),
      droppedBytes: 0,
      durationMs: 1,
    };
  }

  async open(): Promise<never> {
    throw runtimeError('HS_RUNTIME_UNSUPPORTED', { feature: 'instances' });
  }

  stats(): ReturnType<LoadedModule['stats']> {
    return {
      calls: this.calls,
      errors: 0,
      crashes: 0,
      inFlight: 0,
      peakMemoryBytes: 100_000,
      memoryRefusals: 3,
      fuelUsed: 0,
      throttledMs: 0,
      metrics: {},
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }
}

export const traps = (): never => {
  throw runtimeError('HS_RUNTIME_TRAP', { reason: 'unreachable' });
};
