import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { isHotSwapError, toDuration, type HotSwapError, type LoadedModule, type LoadOptions } from '@hotswap/core';
import { shownText, toWitValues, witToJson } from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { callArgument, collect, positiveNumber, readFileOf } from '../option-values.ts';

interface RunFlags {
  readonly dir?: readonly string[];
  readonly env?: readonly string[];
  readonly stdin?: string;
  readonly timeout?: number;
  readonly memory?: number;
  readonly fuel?: number;
  readonly invoke?: string;
  readonly argv0?: string;
  readonly allowHost?: readonly string[];
  readonly experimental?: readonly string[];
}

/** What a shell shows for a program that aborted; `wasmtime` ends so on traps. */
const abortedExitCode = 134;
/** Without `--timeout` a program may run as long as it likes. */
const dayMs = 86_400_000;
const mostMemoryMB = 4_096;
const maxCapturedBytes = 67_108_864;

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
    .argument('<file>', 'a .wasm binary; what follows belongs to the guest')
    .argument('[args...]', 'arguments of the guest; of the function with --invoke, as JSON')
    .option('--dir <host::guest>', 'grant a directory: HOST, HOST::GUEST or HOST::GUEST::ro; repeatable', collect)
    .option('--env <name=value>', 'set a variable; NAME alone passes the one of this process on; repeatable', collect)
    .option('--stdin <file>', 'standard input of the guest; - or absent: that of this process')
    .option('--argv0 <name>', 'what the guest is told that it is called; default: the file')
    .option('--timeout <seconds>', 'end the guest after that time', positiveNumber)
    .option('--memory <mb>', 'memory that an instance may use', positiveNumber)
    .option('--fuel <units>', 'fuel that the run may use', positiveNumber)
    .option('--allow-host <host>', 'a host that it may send HTTP requests to; repeatable', collect)
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
      const rest = args.slice(i + 1);
      return [...args.slice(0, i + 1), '--', ...(rest[0] === '--' ? rest.slice(1) : rest)];
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
  const bytes = await readFileOf(file);
  const options = loadOptions(file, flags, session.env);
  const stdin = await stdinOf(session, flags.stdin);
  await using runtime = await session.openRuntime(flags.experimental);
  try {
    // Its start function runs while it is loaded.
    await using module = await runtime.load({ bytes }, options);
    if (flags.invoke !== undefined) await callFunction(session, module, flags.invoke, args);
    else await runCommand(session, module, { args, stdin });
  } catch (error) {
    if (!isHotSwapError(error) || !guestFailures.has(error.code) || session.signal.aborted) throw error;
    session.setExitCode(abortedExitCode);
    session.stderr.write(shownText(failureText(file, error)));
  }
}

async function runCommand(
  session: CommandSession,
  module: LoadedModule,
  { args, stdin }: { readonly args: readonly string[]; readonly stdin: Uint8Array | null },
): Promise<void> {
  if (!module.description.isCommand) {
    const names = module.description.functions.map(({ name }) => name).join(', ');
    throw cliError('HS_CLI_NOT_A_COMMAND', { functions: names === '' ? 'none' : names });
  }
  const result = await module.run({
    args,
    signal: session.signal,
    ...(stdin === null ? { stdio: 'inherit' } : { stdin }),
  });
  await write(session.stdout, result.stdout);
  await write(session.stderr, result.stderr);
  if (result.droppedBytes > 0) session.terminal.say(`${String(result.droppedBytes)} bytes of output were dropped`);
  session.setExitCode(result.exitCode);
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
  const values = toWitValues(signature, args.map(callArgument));
  const { value } = await module.invoke(signature.name, values, { signal: session.signal });
  // A program that asked for a document gets one, also where there is nothing to tell.
  const isTold = signature.result !== undefined || session.terminal.options.format !== 'text';
  if (isTold) await write(session.stdout, `${JSON.stringify(witToJson(value) ?? null)}\n`);
}

const plain = (name: string): string => name.replaceAll('-', '_');

/** The engine would refuse these too, in words that name none of our options. */
function checkLimits({ fuel, memory, timeout }: RunFlags): void {
  const refuse = (option: string, why: string): never => {
    throw cliError('HS_CLI_INVALID_OPTION', { option, why });
  };
  if (fuel !== undefined && !Number.isSafeInteger(fuel)) refuse('--fuel', 'it must be a whole number');
  if (memory !== undefined && memory > mostMemoryMB) refuse('--memory', 'it must be 4,096 at most');
  if (timeout !== undefined && timeout * 1_000 > dayMs) refuse('--timeout', 'it must be 86,400 (a day) at most');
}

function loadOptions(file: string, flags: RunFlags, env: NodeJS.ProcessEnv): LoadOptions {
  checkLimits(flags);
  const timeoutMs = flags.timeout === undefined ? dayMs : Math.max(1, Math.round(flags.timeout * 1_000));
  return {
    limits: {
      maxMemoryMB: flags.memory ?? mostMemoryMB,
      maxExecutionTime: toDuration(timeoutMs),
      maxCpuPercent: 100,
      maxInputSize: maxCapturedBytes,
    },
    maxOutputSize: maxCapturedBytes,
    wasi: {
      programName: flags.argv0 ?? file,
      env: Object.fromEntries((flags.env ?? []).map((text) => variable(text, env))),
      dirs: (flags.dir ?? []).map(directory),
    },
    ...(flags.fuel === undefined ? {} : { runtime: { fuel: flags.fuel } }),
    ...(flags.allowHost === undefined ? {} : { network: { allowedHosts: flags.allowHost } }),
  };
}

function directory(text: string): { hostPath: string; guestPath: string; readOnly: boolean } {
  const [host = '', guest = host, access, ...more] = text.split('::');
  if (host === '' || guest === '' || (access !== undefined && access !== 'ro') || more.length > 0)
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: '--dir',
      why: 'it must be HOST, HOST::GUEST or HOST::GUEST::ro',
    });
  return { hostPath: resolve(host), guestPath: guest, readOnly: access === 'ro' };
}

function variable(text: string, env: NodeJS.ProcessEnv): readonly [string, string] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const value = at < 0 ? env[name] : text.slice(at + 1);
  if (name === '' || value === undefined) {
    const why = name === '' ? 'it must be NAME=VALUE or NAME' : `this process has no variable ${name}`;
    throw cliError('HS_CLI_INVALID_OPTION', { option: '--env', why });
  }
  return [name, value];
}

/** `null`: the guest reads and writes the streams of this process itself. */
async function stdinOf(session: CommandSession, file: string | undefined): Promise<Uint8Array | null> {
  if (file !== undefined && file !== '-') return readFileOf(file);
  return session.ownsProcess ? null : new Uint8Array();
}

function write(stream: NodeJS.WritableStream, content: Uint8Array | string): Promise<void> {
  if (content.length === 0) return Promise.resolve();
  return new Promise((done) => stream.write(content, () => done()));
}

function failureText(file: string, { message, details }: HotSwapError): string {
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
