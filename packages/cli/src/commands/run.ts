import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { isHotSwapError, type CallResult, type HotSwapError, type LoadedModule } from '@hotswap/core';
import { shownText, toWitValues, witToJson } from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { guestArgument } from '../guest-argument.ts';
import { collect, positiveNumber, readFileOf } from '../option-values.ts';
import { readStandardInputFrom } from '../standard-input.ts';
import { loadOptions, type RunFlags } from './run-options.ts';

/** What a shell shows for a program that aborted; `wasmtime` ends so on traps. */
const abortedExitCode = 134;

/** Failures of the guest while it ran, as opposed to those of getting it to run. */
const guestFailures: ReadonlySet<string> = new Set([
  'HS_RUNTIME_TRAP',
  'HS_RUNTIME_TIMEOUT',
  'HS_RUNTIME_MEMORY_LIMIT',
  'HS_RUNTIME_TABLE_LIMIT',
  'HS_RUNTIME_FUEL_EXHAUSTED',
  'HS_RUNTIME_OUTPUT_LIMIT',
]);

/** @internal */
export function addRunCommand(program: Command, sessionOf: SessionOf): Command {
  return program
    .command('run')
    .description("run a module or component on this machine, with the guest's exit code as its own")
    .argument('<file>', 'a .wasm binary, - for standard input; what follows belongs to the guest')
    .argument('[args...]', 'arguments of the guest; of the function with --invoke, as JSON')
    .option('--dir <host::guest>', 'grant a directory: HOST, HOST::GUEST or HOST::GUEST::ro; repeatable', collect)
    .option(
      '--env <name=value>',
      'set a variable; NAME alone passes the one of this process on, if it has one; repeatable',
      collect,
    )
    .option('--stdin <file>', 'standard input of the guest; - or absent: that of this process')
    .option('--argv0 <name>', 'what the guest is told that it is called; default: the name of the file')
    .option('--timeout <seconds>', 'end the guest after that time', positiveNumber)
    .option('--memory <mb>', 'memory that an instance may use', positiveNumber)
    .option('--fuel <units>', 'fuel that the run may use', positiveNumber)
    .option('--allow-host <host>', 'a host that it may send HTTP requests to; repeatable', collect)
    .option('--allow-private-addresses', 'let these hosts be on this machine or in private networks')
    .option('--experimental <name>', 'what the runtime tries out, e.g. preview3 for WASI 0.3; repeatable', collect)
    .option('--invoke <function>', 'call an exported function instead and print its result')
    .action(async (file: string, args: readonly string[], flags: RunFlags) => {
      await runModule(sessionOf(), file, args, flags);
    });
}

/**
 * Puts `--` behind the file of a `run`, so that what follows reaches the guest even where it looks like an option of ours.
 * @internal
 */
export function keepGuestArguments(args: readonly string[], program: Command, run: Command): readonly string[] {
  const known = [...program.options, ...run.options];
  const takesValue = (text: string): boolean =>
    !text.includes('=') && known.some((option) => (option.long === text || option.short === text) && option.required);
  let isRun = false;
  for (let i = 0; i < args.length; i++) {
    const text = args[i] as string;
    if (text === '--') return args;
    if (text.startsWith('-') && text !== '-') {
      if (takesValue(text)) i++;
    } else if (!isRun) {
      if (text !== run.name()) return args;
      isRun = true;
    } else {
      return [...args.slice(0, i + 1), '--', ...args.slice(i + 1)];
    }
  }
  return args;
}

async function runModule(
  session: CommandSession,
  file: string,
  args: readonly string[],
  flags: RunFlags,
): Promise<void> {
  if (flags.invoke === undefined && session.terminal.options.format !== 'text')
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: '--output',
      why: 'a program writes what it likes; the result of a function (--invoke) is JSON in any case',
    });
  const bytes = await moduleBytes(session, file);
  const options = await loadOptions(file, flags, session.env);
  const stdin = await stdinOf(session, flags.stdin);
  await using runtime = await session.openRuntime(flags.experimental);
  try {
    await using module = await runtime.load({ bytes }, options);
    if (flags.invoke !== undefined) await callFunction(session, module, flags.invoke, args);
    else await runCommand(session, module, { args, stdin });
  } catch (error) {
    if (!isHotSwapError(error) || !guestFailures.has(error.code) || session.signal.aborted) throw error;
    session.setExitCode(isRefusal(error) ? exitCodes.error : abortedExitCode);
    const { stdout, stderr } = error.details;
    if (typeof stdout === 'string') await write(session.stdout, stdout);
    if (typeof stderr === 'string') await write(session.stderr, stderr);
    await write(session.stderr, shownText(failureText(file, error)));
  }
}

async function runCommand(
  session: CommandSession,
  module: LoadedModule,
  { args, stdin }: { readonly args: readonly string[]; readonly stdin: Uint8Array | null },
): Promise<void> {
  if (!module.description.isCommand) {
    // Its start function runs all the same, as `wasmtime` would have it.
    await (await module.open())[Symbol.asyncDispose]();
    const names = module.description.functions.map(({ name }) => name).join(', ');
    throw cliError('HS_CLI_NOT_A_COMMAND', { functions: names === '' ? 'none' : names });
  }
  const result = await module.run({
    args,
    signal: session.signal,
    ...(stdin === null ? { stdio: 'inherit' } : { stdin }),
  });
  await writeOutput(session, result);
  // Whoever goes on with half of what a program wrote must not take it for the whole.
  session.setExitCode(result.exitCode === 0 && result.droppedBytes > 0 ? exitCodes.error : result.exitCode);
}

async function callFunction(
  session: CommandSession,
  module: LoadedModule,
  name: string,
  args: readonly string[],
): Promise<void> {
  const signature = module.description.functions.find(
    (fn) => plain(fn.name) === plain(name) || plain(fn.name.slice(fn.name.lastIndexOf('#') + 1)) === plain(name),
  );
  if (signature === undefined) {
    const names = module.description.functions.map((fn) => fn.name).join(', ');
    throw cliError('HS_CLI_UNKNOWN_FUNCTION', { name, functions: names === '' ? 'none' : names });
  }
  const types = signature.params.map(({ type }) => type);
  const values = toWitValues(
    signature,
    args.map((text, i) => guestArgument(text, types[i] ?? '')),
  );
  const { value, ...result } = await module.invoke(signature.name, values, { signal: session.signal });
  await writeOutput(session, result);
  // A program that asked for a document gets one, also where there is nothing to tell.
  const isTold = signature.result !== undefined || session.terminal.options.format !== 'text';
  if (isTold) await write(session.stdout, `${JSON.stringify(witToJson(value) ?? null)}\n`);
}

const plain = (name: string): string => name.replaceAll('-', '_');

/** Code of the module. @throws HS_CLI_UNREADABLE_FILE, HS_CLI_NOT_A_BINARY */
async function moduleBytes(session: CommandSession, file: string): Promise<Uint8Array> {
  const bytes = file === '-' && session.ownsProcess ? readFileSync(0) : await readFileOf(file);
  const why = isText(bytes)
    ? 'it is WebAssembly text, to be assembled first: wasm-tools parse FILE.wat -o FILE.wasm'
    : isExecutable(bytes)
      ? 'it was compiled ahead of time, for one engine and machine: give the .wasm that it was made of'
      : undefined;
  if (why !== undefined) throw cliError('HS_CLI_NOT_A_BINARY', { file, why });
  return bytes;
}

/** Text begins with a parenthesis or a comment. */
const isText = (bytes: Uint8Array): boolean =>
  /^\s*(?:\(|;;)/.test(Buffer.from(bytes.subarray(0, 1_024)).toString('latin1'));

/** `wasmtime compile` writes ELF. */
const isExecutable = (bytes: Uint8Array): boolean => Buffer.from(bytes.subarray(0, 4)).toString('latin1') === '\x7fELF';

/** `null`: the guest reads and writes the streams of this process itself. */
async function stdinOf(session: CommandSession, file: string | undefined): Promise<Uint8Array | null> {
  if (file === undefined || file === '-') return session.ownsProcess ? null : new Uint8Array();
  return session.ownsProcess && readStandardInputFrom(file) ? null : readFileOf(file);
}

async function writeOutput(
  session: CommandSession,
  { stdout, stderr, droppedBytes = 0 }: Pick<CallResult, 'stdout' | 'stderr' | 'droppedBytes'>,
): Promise<void> {
  await write(session.stdout, stdout ?? '');
  await write(session.stderr, stderr ?? '');
  if (droppedBytes > 0) session.terminal.say(`${String(droppedBytes)} bytes of output were dropped`);
}

/** No trap of WebAssembly: a host function would not do what the guest asked for, such as to end with a status above 125. */
const isRefusal = (error: HotSwapError): boolean =>
  error.code === 'HS_RUNTIME_TRAP' && error.details['trap'] === 'host';

function write(stream: NodeJS.WritableStream, content: Uint8Array | string): Promise<void> {
  if (content.length === 0) return Promise.resolve();
  return new Promise((done) => stream.write(content, () => done()));
}

function failureText(file: string, error: HotSwapError): string {
  const { details } = error;
  const { reason } = details;
  const message = isRefusal(error) && typeof reason === 'string' ? reason : error.message;
  const frames = Array.isArray(details['frames']) ? details['frames'].map(frameText) : [];
  const trace = frames.length === 0 ? '' : `  wasm backtrace:\n${frames.join('')}`;
  return `Error: failed to run \`${basename(file)}\`\n\nCaused by:\n  ${message}\n${trace}`;
}

interface Frame {
  readonly functionIndex: number;
  readonly functionName?: string;
  readonly moduleName?: string;
  readonly moduleOffset?: number;
}

function frameText(frame: unknown, index: number): string {
  const { functionIndex, functionName, moduleName = '<unknown>', moduleOffset } = frame as Frame;
  const offset = moduleOffset === undefined ? '' : `0x${moduleOffset.toString(16)} - `;
  const name = functionName ?? `<wasm function ${String(functionIndex)}>`;
  return `${String(index).padStart(5)}: ${offset}${moduleName}!${name}\n`;
}
