import type { Writable } from 'node:stream';
import { Command, CommanderError, Option } from 'commander';
import { isHotSwapError, type RuntimeHost } from '@hotswap/core';
import { shownText } from '@hotswap/protocol';
import { addAccessCommands } from './commands/access.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addDeployCommand } from './commands/deploy.ts';
import { addDeploymentActionCommands } from './commands/deployment-actions.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addInterfaceCommands } from './commands/interfaces.ts';
import { addInvokeCommand } from './commands/invoke.ts';
import { addListCommands } from './commands/lists.ts';
import { addNodeActionCommands } from './commands/node-actions.ts';
import { addNodeInquiryCommands } from './commands/node-inquiries.ts';
import { addPolicyCommands } from './commands/policy.ts';
import { addRouteActionCommands } from './commands/route-actions.ts';
import { addPushCommand } from './commands/push.ts';
import { addReleaseCommands } from './commands/releases.ts';
import { addRunCommand, keepGuestArguments } from './commands/run.ts';
import { addSimulateCommands } from './commands/simulate.ts';
import { addStatusCommand } from './commands/status.ts';
import { addStrategiesCommand } from './commands/strategies.ts';
import { addUndoCommand } from './commands/undo.ts';
import { addWhyCommand } from './commands/why.ts';
import type { CommandSession } from './command-session.ts';
import { openLocalRuntime } from './compose.ts';
import { exitCodeOfError, exitCodes } from './exit-codes.ts';
import { Terminal, type OutputFormat } from './output/terminal.ts';
import { serverAddress } from './server-address.ts';
import { connect, type ConnectionOptions } from './server-connection.ts';

/** What a run of the command line needs of its process; tests give their own. @public */
export interface CliEnvironment {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly fetch?: typeof fetch;
  /** Opens the runtime of `hotswap run`. Default: Wasmtime. */
  readonly openRuntime?: (experimental?: readonly string[]) => Promise<RuntimeHost>;
  /**
   * Whether `stdout` and `stderr` are those of the process, so that a guest may read and write the process's own streams.
   * Default `false`: its output is collected first.
   */
  readonly ownsProcess?: boolean;
}

interface GlobalOptions extends ConnectionOptions {
  readonly output: OutputFormat;
  readonly quiet?: boolean;
  readonly color: boolean;
}

/**
 * Runs one command and resolves with the exit code; never throws.
 * @param args - Arguments without the program's own name.
 * @public
 */
export async function runCli(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const program = new Command('hotswap');
  let exitCode: number = exitCodes.ok;
  const sessionOf = (): CommandSession =>
    makeSession(program.opts<GlobalOptions>(), environment, (code) => (exitCode = code));
  describe(program, environment);
  addPushCommand(program, sessionOf);
  addDeployCommand(program, sessionOf);
  addSimulateCommands(program, sessionOf);
  addStatusCommand(program, sessionOf);
  addDeploymentActionCommands(program, sessionOf);
  addUndoCommand(program, sessionOf);
  addReleaseCommands(program, sessionOf);
  addDoctorCommand(program, sessionOf);
  addWhyCommand(program, sessionOf);
  addAuditCommands(program, sessionOf);
  addAccessCommands(program, sessionOf);
  addPolicyCommands(program, sessionOf);
  addInvokeCommand(program, sessionOf);
  addListCommands(program, sessionOf);
  addStrategiesCommand(program, sessionOf);
  addInterfaceCommands(program, sessionOf);
  addNodeActionCommands(program, sessionOf);
  addNodeInquiryCommands(program, sessionOf);
  addRouteActionCommands(program, sessionOf);
  const run = addRunCommand(program, sessionOf);
  try {
    await program.parseAsync([...keepGuestArguments(args, program, run)], { from: 'user' });
    return exitCode;
  } catch (error) {
    return await reportFailure(error, program.opts<GlobalOptions>(), environment);
  }
}

function describe(program: Command, { stdout, stderr }: CliEnvironment): void {
  program
    .description('Deploy WebAssembly modules to a fleet and replace them while they serve.')
    .addOption(new Option('--server <url>', 'address of the server (env: HOTSWAP_SERVER)'))
    .addOption(new Option('--token <token>', 'credential; better in the environment than here').env('HOTSWAP_TOKEN'))
    .addOption(
      new Option(
        '--data-dir <dir>',
        'data directory of a local server, where its address and credential are found',
      ).env('HOTSWAP_DATA_DIR'),
    )
    .addOption(
      new Option('--ca-file <file>', 'certificates in PEM of authorities to trust when the server is asked').env(
        'HOTSWAP_CA_FILE',
      ),
    )
    .addOption(
      new Option('-o, --output <format>', 'how results are written')
        .choices(['text', 'json', 'ndjson'])
        .default('text'),
    )
    .option('-q, --quiet', 'ids only')
    .option('--no-color', 'no colours; NO_COLOR does the same')
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('(hotswap --help tells more)')
    .exitOverride();
}

function makeSession(
  options: GlobalOptions,
  environment: CliEnvironment,
  setExitCode: (code: number) => void,
): CommandSession {
  const { stdout, stderr, env, signal } = environment;
  const isTerminal = stdout.isTTY === true && env['TERM'] !== 'dumb';
  const terminal = new Terminal({
    stdout,
    stderr,
    format: options.output,
    quiet: options.quiet ?? false,
    colour: isTerminal && options.color && (env['NO_COLOR'] ?? '') === '',
    live: stderr.isTTY === true && env['TERM'] !== 'dumb',
  });
  return {
    terminal,
    env,
    stdout,
    stderr,
    signal,
    setExitCode,
    ownsProcess: environment.ownsProcess ?? false,
    openRuntime: environment.openRuntime ?? openLocalRuntime,
    client: () => connect(options, env, signal, environment.fetch),
    isTokenGiven: (options.token ?? env['HOTSWAP_TOKEN']) !== undefined,
    server: async () => (await serverAddress(options, env)).origin,
  };
}

async function reportFailure(
  thrown: unknown,
  options: GlobalOptions,
  { stderr, stdout, signal, env }: CliEnvironment,
): Promise<number> {
  // The client can tell of a request that it failed; what is wrong with the address is its cause.
  const isExplained = isHotSwapError(thrown, 'HS_CLIENT_UNREACHABLE') && isHotSwapError(thrown.cause);
  const error = isExplained ? thrown.cause : thrown;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (signal.aborted) return exitCodes.interrupted;
  const code = isHotSwapError(error) ? error.code : 'HS_CLI_UNEXPECTED';
  const message = error instanceof Error ? error.message : String(error);
  // Whoever hears that nobody answers asks where the address is from.
  const isUnreachable = isHotSwapError(error, 'HS_CLIENT_UNREACHABLE');
  const addressFrom = isUnreachable ? { addressFrom: (await serverAddress(options, env)).source } : {};
  const details: Readonly<Record<string, unknown>> = isHotSwapError(error) ? { ...error.details, ...addressFrom } : {};
  if (options.output === 'text')
    stderr.write(shownText(`error: ${message}\n  ${code}\n${originText(details)}${issuesText(details['errors'])}`));
  else stdout.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
  return exitCodeOfError(error);
}

const originText = ({ addressFrom }: { readonly addressFrom?: unknown }): string =>
  typeof addressFrom === 'string' ? `  the address is that of ${addressFrom}\n` : '';

/** The pointers of a validation error, one a line. */
function issuesText(issues: unknown): string {
  if (!Array.isArray(issues)) return '';
  return issues
    .map((issue: { pointer?: string; detail?: string }) => `  ${issue.pointer ?? ''} ${issue.detail ?? ''}\n`)
    .join('');
}
