import type { Command } from 'commander';
import { encodeBase64 } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { callArgument, positiveNumber, readFileOf } from '../option-values.ts';

interface InvokeFlags {
  readonly stdin?: string;
  readonly release?: string;
  readonly sticky?: string;
  readonly timeout?: number;
}

/** @internal */
export function addInvokeCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('invoke')
    .description('call a function of a module through the live route')
    .argument('<module>', 'a name (routed) or a module id (that version)')
    .argument('<function>', 'an exported function; run for a WASI command')
    .argument('[args...]', 'JSON values; what is no JSON is taken as text')
    .option('--stdin <file>', 'standard input of a WASI command')
    .option('--release <version>', 'force a version, a module id or a release id')
    .option('--sticky <key>', 'calls with one key stay on one side of a split')
    .option('--timeout <seconds>', "shortens the module's own limit", positiveNumber)
    .action(async (moduleRef: string, functionName: string, args: readonly string[], flags: InvokeFlags) => {
      const session = sessionOf();
      const answer = await (
        await session.client()
      ).modules.invoke(moduleRef, functionName, {
        args: args.map(callArgument),
        signal: session.signal,
        ...(flags.stdin === undefined ? {} : { stdin: encodeBase64(await readFileOf(flags.stdin)) }),
        ...(flags.release === undefined ? {} : { version: flags.release }),
        ...(flags.sticky === undefined ? {} : { stickyKey: flags.sticky }),
        ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1_000 }),
      });
      session.terminal.result(answer, (view) =>
        view.stdout === undefined
          ? JSON.stringify(view.result ?? null)
          : Buffer.from(view.stdout, 'base64').toString('utf8').trimEnd(),
      );
      if (session.terminal.options.format === 'text')
        session.terminal.say(
          session.terminal.paint('dim', `${answer.moduleId} on ${answer.nodeId}, ${answer.durationMs.toFixed(2)} ms`),
        );
      if (answer.exitCode !== undefined && answer.exitCode !== 0) session.setExitCode(1);
    });
}
