import { inspect } from 'node:util';
import {
  type HostImports,
  type HotSwapError,
  type LoadedModule,
  type RuntimeHost,
  type WitValue,
  isHotSwapError,
} from '@hotswap/core';
import { SpecInstance } from './spec-instance.ts';
import type { SpecAction, SpecCommand, SpecValue } from './spec-script.ts';
import { argumentOf, isExpected, isReference, showsPayload } from './spec-value.ts';

/** Why an assertion of the specification cannot be made through the public API. */
export type SkipReason =
  | 'the text format alone'
  | 'imports that are no functions'
  | 'a function whose type is wrong: those of the host have none'
  | 'a function imported as two types'
  | 'references as arguments or results'
  | 'after a command that was skipped'
  | 'an exception of another module: the host passes none on'
  | 'the value of an exported global'
  | 'a feature that is switched off'
  | 'its module failed'
  | 'the payload of a NaN, which no number of JavaScript carries';

class Skipped {
  readonly reason: SkipReason;
  constructor(reason: SkipReason) {
    this.reason = reason;
  }
}

interface Imports {
  /** Functions that nothing has. */
  readonly missing: readonly string[];
  /** Why the module cannot be linked here. */
  readonly skipped: Skipped | undefined;
  readonly linked: boolean;
  readonly sources: readonly SpecInstance[];
}

type Outcome = Skipped | string | undefined;

export interface SpecReport {
  readonly passed: number;
  readonly skipped: ReadonlyMap<SkipReason, number>;
  /** `line: what is wrong`. */
  readonly failures: readonly string[];
}

/** What the specification calls a trap, and what the runtime does. */
const trapKinds: readonly (readonly [RegExp, string])[] = [
  [/^unreachable/, 'unreachable'],
  [/^out of bounds memory access/, 'memory-out-of-bounds'],
  [/^(out of bounds table access|undefined element)/, 'table-out-of-bounds'],
  [/^uninitialized element/, 'indirect-call-to-null'],
  [/^indirect call type mismatch/, 'bad-signature'],
  [/^integer divide by zero/, 'integer-division-by-zero'],
  [/^integer overflow/, 'integer-overflow'],
  [/^invalid conversion to integer/, 'bad-conversion-to-integer'],
  [/^null .*reference/, 'null-reference'],
  [/^out of bounds array access/, 'array-out-of-bounds'],
  [/^cast failure/, 'cast-failure'],
  [/^call stack exhausted/, 'stack-overflow'],
];

const nothing = (): undefined => undefined;
const spectest: HostImports[string] = {
  print: nothing,
  print_i32: nothing,
  print_i64: nothing,
  print_f32: nothing,
  print_f64: nothing,
  print_i32_f32: nothing,
  print_f64_f64: nothing,
};

/** The proposals that the runtime switches off. */
const isOff = /^(memory64|threads)\./;
const needsWhatIsOff = /memory64|64-bit|shared|threads|atomic/i;

const bytesOf = (wasm: string): Uint8Array => Buffer.from(wasm, 'base64');
const codeOf = (error: unknown): string => (isHotSwapError(error) ? error.code : String(error));

/** Runs one script against a host. */
export class SpecRun implements AsyncDisposable {
  readonly #host: RuntimeHost;
  readonly #script: string;
  readonly #definitions = new Map<string, string>();
  readonly #named = new Map<string, SpecInstance | Skipped>();
  readonly #registered = new Map<string, SpecInstance | Skipped>();
  readonly #opened: SpecInstance[] = [];
  /** Whose state is not what the script takes for granted. */
  readonly #incomplete = new Set<SpecInstance>();
  /** Whose functions an instance imports. */
  readonly #sources = new Map<SpecInstance, readonly SpecInstance[]>();
  #latest: SpecInstance | Skipped | undefined;

  constructor(host: RuntimeHost, script: string) {
    this.#host = host;
    this.#script = script;
  }

  async run(commands: readonly SpecCommand[]): Promise<SpecReport> {
    const skipped = new Map<SkipReason, number>();
    const failures: string[] = [];
    let passed = 0;
    for (const command of commands) {
      const outcome = await this.#command(command);
      const isAssertion = command.type.startsWith('assert_');
      if (typeof outcome === 'string') failures.push(`${command.line}: ${command.type}: ${outcome}`);
      else if (outcome === undefined) passed += isAssertion ? 1 : 0;
      else if (isAssertion) skipped.set(outcome.reason, (skipped.get(outcome.reason) ?? 0) + 1);
    }
    return { passed, skipped, failures };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((instance) => instance[Symbol.asyncDispose]()));
  }

  async #command(command: SpecCommand): Promise<Outcome> {
    switch (command.type) {
      case 'module':
        return await this.#instantiate(command.wasm, command.name);
      case 'module_definition':
        this.#definitions.set(command.name ?? '', command.wasm ?? '');
        return undefined;
      case 'module_instance':
        return await this.#instantiate(this.#definitions.get(command.module ?? ''), command.instance);
      case 'register':
        this.#registered.set(command.as, this.#holder(command.name));
        return undefined;
      case 'action':
        return await this.#acts(command.action, []);
      case 'assert_return':
        return await this.#acts(command.action, command.expected);
      case 'assert_trap':
      case 'assert_exhaustion':
        return await this.#traps(command.action, command.text);
      case 'assert_exception':
        return await this.#traps(command.action, undefined);
      case 'assert_invalid':
      case 'assert_malformed':
        return await this.#isRefused(command.wasm);
      case 'assert_unlinkable':
        return await this.#isUnlinkable(command.wasm);
      case 'assert_uninstantiable':
        return await this.#trapsAtStart(command.wasm, command.text);
    }
  }

  #holder(name: string | undefined): SpecInstance | Skipped {
    const found = name === undefined ? this.#latest : this.#named.get(name);
    if (found === undefined) throw new Error(`no module ${name ?? 'yet'}`);
    return found;
  }

  async #instantiate(wasm: string | undefined, name: string | undefined): Promise<Outcome> {
    const made = wasm === undefined ? new Skipped('the text format alone') : await this.#opening(bytesOf(wasm));
    if (made instanceof SpecInstance) this.#opened.push(made);
    if (isHotSwapError(made)) {
      this.#keep(new Skipped('its module failed'), name);
      return `${made.code}: ${made.message}`;
    }
    this.#keep(made, name);
    return made instanceof Skipped ? made : undefined;
  }

  #keep(made: SpecInstance | Skipped, name: string | undefined): void {
    this.#latest = made;
    if (name !== undefined) this.#named.set(name, made);
  }

  async #opening(bytes: Uint8Array): Promise<SpecInstance | Skipped | HotSwapError> {
    try {
      const { missing, skipped, linked, sources } = await this.#imports(bytes);
      if (skipped !== undefined && missing.length === 0) return skipped;
      const opened = await SpecInstance.open(this.#load(bytes, linked), bytes, !linked);
      this.#sources.set(opened, sources);
      return opened;
    } catch (error) {
      if (!isHotSwapError(error)) throw error;
      if (error.code === 'HS_RUNTIME_LINK_FAILED' && (await this.#importsOneTwice(bytes)))
        return new Skipped('a function imported as two types');
      const off = error.code === 'HS_RUNTIME_INVALID_MODULE' && needsWhatIsOff.test(error.message);
      return off ? new Skipped('a feature that is switched off') : error;
    }
  }

  /** What of a module's imports is there, and what cannot be. */
  async #imports(bytes: Uint8Array): Promise<Imports> {
    const { imports } = await this.#host.inspect(bytes);
    const [missing, sources]: [string[], SpecInstance[]] = [[], []];
    let skipped: Skipped | undefined;
    for (const { name, kind, type } of imports) {
      const from = [...this.#registered.keys()].find((each) => name.startsWith(`${each}.`)) ?? 'spectest';
      const source = this.#registered.get(from);
      if (source instanceof SpecInstance) sources.push(source);
      if (kind !== 'function') {
        skipped ??= new Skipped('imports that are no functions');
        // What the module would have done to the other one's memory, table or global is missing there from now on.
        if (source instanceof SpecInstance && kind !== 'tag') this.#incomplete.add(source);
      } else if (type?.includes('ref') === true) skipped ??= new Skipped('references as arguments or results');
      else if (source instanceof Skipped) skipped ??= source;
      else if (!Object.hasOwn(source?.functions() ?? spectest, name.slice(from.length + 1))) missing.push(name);
    }
    return { missing, skipped, linked: imports.length > 0, sources };
  }

  async #importsOneTwice(bytes: Uint8Array): Promise<boolean> {
    const { imports } = await this.#host.inspect(bytes);
    return new Set(imports.map(({ name }) => name)).size < imports.length;
  }

  #isIncomplete(instance: SpecInstance): boolean {
    return (
      this.#incomplete.has(instance) || (this.#sources.get(instance) ?? []).some((source) => this.#isIncomplete(source))
    );
  }

  #load(bytes: Uint8Array, linked: boolean): Promise<LoadedModule> {
    const imports: Record<string, HostImports[string]> = { spectest };
    for (const [name, source] of this.#registered)
      if (source instanceof SpecInstance) imports[name] = source.functions();
    return this.#host.load({ bytes }, { limits: { maxExecutionTime: 'PT60S' }, ...(linked ? { imports } : {}) });
  }

  /** Makes a call, unless something stands in its way. */
  async #call(
    action: SpecAction,
    results: readonly SpecValue[],
  ): Promise<Skipped | { readonly value: WitValue } | { readonly error: HotSwapError }> {
    const holder = this.#holder(action.module);
    if (holder instanceof Skipped) return holder;
    if (this.#isIncomplete(holder)) return new Skipped('after a command that was skipped');
    if (action.type === 'get') return new Skipped('the value of an exported global');
    const args = action.args ?? [];
    // One that gives references back, `select` for instance, has nothing else to do with them.
    if (args.some(isReference) && !results.some(isReference) && holder.keepsState) this.#incomplete.add(holder);
    if ([...args, ...results].some(isReference)) return new Skipped('references as arguments or results');
    if (showsPayload(args, results)) return new Skipped('the payload of a NaN, which no number of JavaScript carries');
    const outcome = await holder.call(action.field, args.map(argumentOf));
    if (!('error' in outcome)) return outcome;
    if (outcome.error.code === 'HS_RUNTIME_UNSUPPORTED') return new Skipped('references as arguments or results');
    return outcome;
  }

  async #acts(action: SpecAction, expected: readonly SpecValue[]): Promise<Outcome> {
    const outcome = await this.#call(action, expected);
    if (outcome instanceof Skipped) return outcome;
    if ('error' in outcome && outcome.error.details['trap'] === 'host')
      return new Skipped('an exception of another module: the host passes none on');
    if ('error' in outcome) return `${action.field}: ${outcome.error.code}: ${outcome.error.message}`;
    const actual = expected.length > 1 ? (outcome.value as readonly WitValue[]) : [outcome.value];
    if (expected.every((value, at) => isExpected(value, actual[at]))) return undefined;
    return `${action.field}(${JSON.stringify(action.args)}) is ${inspect(outcome.value)}, not ${JSON.stringify(expected)}`;
  }

  async #traps(action: SpecAction, text: string | undefined): Promise<Outcome> {
    const outcome = await this.#call(action, []);
    if (outcome instanceof Skipped) return outcome;
    if (!('error' in outcome)) return `${action.field} returned ${inspect(outcome.value)}`;
    return isTrap(outcome.error, text);
  }

  async #isRefused(wasm: string | undefined): Promise<Outcome> {
    if (wasm === undefined) return new Skipped('the text format alone');
    // A module that needs more than is there would be refused whatever else is wrong with it.
    if (isOff.test(this.#script)) return new Skipped('a feature that is switched off');
    const bytes = bytesOf(wasm);
    const codes = await Promise.all([
      this.#host.inspect(bytes).then(() => 'inspected', codeOf),
      this.#host.load({ bytes }).then(() => 'loaded', codeOf),
    ]);
    return codes.every((code) => code === 'HS_RUNTIME_INVALID_MODULE') ? undefined : codes.join(', ');
  }

  async #isUnlinkable(wasm: string | undefined): Promise<Outcome> {
    if (wasm === undefined) return new Skipped('the text format alone');
    const bytes = bytesOf(wasm);
    try {
      const { missing, skipped } = await this.#imports(bytes);
      if (skipped !== undefined) return skipped;
      if (missing.length === 0) return new Skipped('a function whose type is wrong: those of the host have none');
      await using module = await this.#load(bytes, true);
      return `loaded with ${module.description.imports.length} imports`;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'HS_RUNTIME_INVALID_MODULE' && needsWhatIsOff.test((error as Error).message))
        return new Skipped('a feature that is switched off');
      return code === 'HS_RUNTIME_LINK_FAILED' ? undefined : code;
    }
  }

  async #trapsAtStart(wasm: string | undefined, text: string): Promise<Outcome> {
    if (wasm === undefined) return new Skipped('the text format alone');
    const made = await this.#opening(bytesOf(wasm));
    if (made instanceof Skipped) return made;
    if (isHotSwapError(made)) return isTrap(made, text);
    await made[Symbol.asyncDispose]();
    return 'it could be instantiated';
  }
}

function isTrap(error: HotSwapError, text: string | undefined): string | undefined {
  const expected = text === undefined ? 'uncaught-exception' : trapKinds.find(([words]) => words.test(text))?.[1];
  const trap = error.details['trap'];
  // A trap of another module arrives as that of the host's function through which it was called.
  if (error.code === 'HS_RUNTIME_TRAP' && (trap === expected || trap === 'host')) return undefined;
  return `${error.code}: ${error.message} (${inspect(trap)}), not ${expected ?? text ?? ''}`;
}
