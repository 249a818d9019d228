import type { HostFunction, HostImports, WitValue } from '@hotswap/core';
import type { HostEventBatch, HostFunctions, HostSignature } from '../binding.d.ts';
import { type HandedOut, HostResources } from './host-resources.ts';
import type { NativeBinding } from './load-native-binding.ts';
import { MessageCodec } from './message-codec.ts';
import type { ResourceMapper } from './resource-mapper.ts';

/** How one function is called and answered, by the types that the guest imports it with. */
interface Plan {
  readonly name: string;
  readonly params: readonly (ResourceMapper<string> | undefined)[];
  /** None, one, or several for some functions of core modules. */
  readonly results: number;
  readonly result: ResourceMapper<HandedOut> | undefined;
  /** Carries arguments or results at once; absent where they cross just as quickly by themselves. */
  readonly codec: MessageCodec | undefined;
  readonly packsResults: boolean;
  /** The function has an error case, for which it throws something with a `payload`. */
  readonly fallible: boolean;
}

/** An array, or all of it in one message. */
type HostArguments = readonly unknown[] | Uint8Array;
type HostResults = readonly unknown[] | Uint8Array;

const unknownSignature = '{"name":"","params":[],"results":[],"packsParams":false,"packsResults":false}';

/**
 * The functions of the embedder that one module imports. Calls of guests on the engine's threads arrive in batches and are
 * answered when the function, or the promise it returns, is done; calls of guests on this thread are answered at once.
 * @internal
 */
export class HostFunctionTable {
  readonly native: HostFunctions;
  readonly #functions: readonly HostFunction[];
  readonly #plans: (Plan | undefined)[] = [];
  /** What the last answer on this thread handed out. */
  #handedOutHere: readonly number[] = [];
  /** Objects of the host that this module's guests hold. */
  readonly resources: HostResources = new HostResources();

  /** Of options that `modulePolicy` has read: what is no function is refused there. */
  constructor(native: NativeBinding, imports: HostImports) {
    const entries = Object.entries(imports).flatMap(([from, functions]) =>
      Object.entries(functions).map(([name, fn]) => ({ from, name, fn })),
    );
    this.#functions = entries.map(({ fn }) => fn);
    this.native = new native.HostFunctions(
      JSON.stringify(entries.map(({ from, name }) => [from, name])),
      (batch) => {
        this.#deliver(batch);
      },
      (index, args) => this.#callHere(index, args),
      MessageCodec.available,
    );
  }

  /** Nobody is answered any more, and no guest is left that could hold anything. */
  close(): void {
    this.native.close();
    this.#takeBack(this.resources.handedOut);
  }

  #deliver(batch: HostEventBatch): void {
    for (let at = 0; at < batch.length; at += 4) {
      const [requestId, index, args, dropped] = batch.slice(at, at + 4);
      if (requestId !== undefined) this.#answer(requestId as number, index as number, args as HostArguments);
      else if (dropped !== undefined) this.#drop(dropped as number);
    }
  }

  /** Of these no guest has, or will have, any. */
  #takeBack(ids: readonly number[]): void {
    for (const id of ids) this.#drop(id);
  }

  #drop(id: number): void {
    try {
      this.resources.drop(id);
    } catch (error) {
      // Nobody waits for it: as with an error in a timer, the program hears of it.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #answer(requestId: number, index: number, args: HostArguments): void {
    const plan = this.#plan(index);
    const handed = handedOutBy(plan);
    const give = (results: HostResults): void => {
      const taken = this.native.answer(requestId, results);
      if (!taken) this.#takeBack(handed.ids);
    };
    const answered = (value: unknown): void => {
      give(this.#results(plan, value, handed));
    };
    const failed = (error: unknown): void => {
      try {
        give(this.#errorCase(plan, error, handed));
      } catch (fatal) {
        this.native.fail(requestId, messageOf(fatal));
      }
    };
    try {
      const value = this.#call(plan, index, args);
      if (isThenable(value)) value.then(answered).then(undefined, failed);
      else answered(value);
    } catch (error) {
      failed(error);
    }
  }

  #callHere(index: number, args: HostArguments | null): HostResults | undefined {
    if (args === null) {
      this.#takeBack(this.#handedOutHere);
      return undefined;
    }
    const plan = this.#plan(index);
    const handed = handedOutBy(plan);
    let value: unknown;
    try {
      value = this.#call(plan, index, args);
    } catch (error) {
      return this.#errorCase(plan, error, handed);
    } finally {
      this.#handedOutHere = handed.ids;
    }
    if (!isThenable(value)) return this.#results(plan, value, handed);
    // The promise has no reader; what it ends in must not end the process.
    value.then(undefined, () => undefined);
    throw Object.assign(new TypeError(`${plan.name} returned a promise`), { code: 'NOT_SYNCHRONOUS' });
  }

  #call(plan: Plan, index: number, given: HostArguments): unknown {
    const args = (plan.codec === undefined ? given : plan.codec.readBytes(given)) as readonly unknown[];
    const values = args.map((value, at) => plan.params[at]?.(value, plan.name) ?? value);
    return (this.#functions[index] as HostFunction)(...(values as WitValue[]));
  }

  #results(plan: Plan, value: unknown, handed: HandedOut): HostResults {
    if (plan.results === 0) return [];
    if (plan.results > 1) return Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return this.#handedOver(plan, plan.fallible ? { tag: 'ok', val: value } : value, handed);
  }

  /** An error with a payload is the error case of the function's result; any other ends the guest's call. */
  #errorCase(plan: Plan, error: unknown, handed: HandedOut): HostResults {
    if (!plan.fallible || error === null || typeof error !== 'object' || !('payload' in error)) throw error;
    return this.#handedOver(plan, { tag: 'err', val: error.payload }, handed);
  }

  #handedOver(plan: Plan, value: unknown, handed: HandedOut): HostResults {
    try {
      const results = [plan.result === undefined ? value : plan.result(value, handed)];
      return (plan.packsResults ? plan.codec?.pack(results) : undefined) ?? results;
    } catch (error) {
      this.#takeBack(handed.ids);
      throw error;
    }
  }

  #plan(index: number): Plan {
    return (this.#plans[index] ??= this.#compile(
      JSON.parse(this.native.signatureJson(index) ?? unknownSignature) as HostSignature,
    ));
  }

  #compile(signature: HostSignature): Plan {
    const { name, params, results } = signature;
    const [only] = results;
    return {
      name,
      params: params.map(({ type }) => this.resources.incoming(type)),
      results: results.length,
      result: results.length === 1 ? this.resources.outgoing(only) : undefined,
      codec: MessageCodec.ofHost(signature),
      packsResults: signature.packsResults,
      fallible: results.length === 1 && only?.kind === 'result',
    };
  }
}

const handedOutBy = ({ name }: Plan): HandedOut => ({ by: name, ids: [] });

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === 'object' && typeof (value as { then?: unknown }).then === 'function';
}

/** A text, whatever was thrown: an answer that fails itself would leave the guest waiting. */
function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'it threw something that cannot be shown';
  }
}
