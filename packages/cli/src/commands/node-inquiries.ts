import { InvalidArgumentError, type Command } from 'commander';
import {
  shownLine,
  type ModuleCheckView,
  type NodeCheckView,
  type NodeLogEvent,
  type NodeLogLevel,
  type NodeLogLine,
} from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output/table.ts';
import type { Colour } from '../output/terminal.ts';

interface LogOptions {
  readonly module?: string;
  readonly follow?: boolean;
  readonly tail?: number;
}

/** `nodes health` and `logs`: what nodes themselves are asked. @internal */
export function addNodeInquiryCommands(program: Command, sessionOf: SessionOf): void {
  const nodes = program.commands.find((command) => command.name() === 'nodes') ?? program.command('nodes');
  nodes
    .command('health')
    .description('run the health functions of all modules on a node now; ends with 1 when one is not well')
    .argument('<nodeId>')
    .action(async (nodeId: string) => {
      const session = sessionOf();
      const health = await (await session.client()).nodes.checkHealth(nodeId, { signal: session.signal });
      session.terminal.result(
        health,
        (view) => healthText(session, view),
        (view) => view.nodeId,
      );
      session.setExitCode(health.checks.every(isWell) ? exitCodes.ok : exitCodes.error);
    });
  program
    .command('logs')
    .description('show what modules wrote on a node, and what became of them')
    .argument('<nodeId>')
    .option('-m, --module <name>', 'of one module')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .option('--tail <n>', 'begin with the last lines, so many', lineCount)
    .action(async (nodeId: string, options: LogOptions) => showLog(sessionOf(), nodeId, options));
}

async function showLog(
  session: CommandSession,
  nodeId: string,
  { follow = false, ...query }: LogOptions,
): Promise<void> {
  const { terminal, signal } = session;
  const { format } = terminal.options;
  if (follow && format === 'json')
    throw cliError('HS_CLI_INVALID_OPTION', { option: '--follow', why: 'a document has an end: use --output ndjson' });
  const client = await session.client();
  const events: NodeLogEvent[] = [];
  for await (const event of client.nodes.logs(nodeId, { ...query, follow, signal })) {
    if (format === 'json') events.push(event);
    else if (format === 'ndjson') terminal.event(event, undefined);
    else if (event.kind === 'line')
      session.stdout.write(`${terminal.shown(lineText(terminal.paint.bind(terminal), event.line))}\n`);
    else terminal.say(terminal.paint('yellow', newsText(event)));
  }
  if (format !== 'json') return;
  const lines = events.flatMap((event) => (event.kind === 'line' ? [event.line] : []));
  const lost = events.flatMap(({ kind, ...event }) => (kind === 'lost' ? [event] : []));
  terminal.result({ nodeId, lines, lost }, String);
}

const colours: Readonly<Partial<Record<NodeLogLevel, Colour>>> = { warn: 'yellow', error: 'red', debug: 'dim' };

function lineText(paint: (colour: Colour, text: string) => string, line: NodeLogLine): string {
  const { at, moduleName, releaseId, version, level, stream } = line;
  const text = shownLine(line.text);
  const who = `${moduleName}${version === null && releaseId === null ? '' : ` ${version ?? releaseId ?? ''}`}`;
  const colour = colours[level];
  const shown = colour === undefined ? text : paint(colour, text);
  return `${paint('dim', at.slice(0, 23))} ${level.padEnd(5)} ${who} ${stream === 'agent' ? '(node) ' : ''}${shown}`;
}

/** What is no line. */
function newsText(event: Exclude<NodeLogEvent, { readonly kind: 'line' }>): string {
  if (event.kind === 'interrupted') return `-- the node does not answer: ${event.message} --`;
  if (event.kind === 'end') return '';
  if (event.lines === null) return '-- the agent began again: what it had not sent is lost --';
  return `-- ${event.lines.toLocaleString('en')} lines lost: newer ones took their place before they were read --`;
}

function healthText({ terminal }: CommandSession, view: NodeCheckView): string {
  const { nodeId, status, cpuUsagePercent, memoryUsageMB, lastHeartbeat } = view;
  const isFine = status === 'Healthy';
  const head = `${nodeId} is ${terminal.paint(isFine ? 'green' : 'red', status)}: ${view.modulesLoaded} modules, ${cpuUsagePercent.toFixed(0)} % CPU, ${memoryUsageMB.toFixed(0)} MB, last heartbeat ${lastHeartbeat ?? 'never'}`;
  if (view.checks.length === 0) return `${head}\nno module is deployed to it`;
  const rows = view.checks.map((check) => [
    check.moduleName,
    check.version,
    check.releaseId,
    check.state,
    `${check.durationMs.toFixed(1)} ms`,
    check.message ?? '',
  ]);
  return `${head}\n${table(['MODULE', 'VERSION', 'RELEASE', 'HEALTH', 'TOOK', ''], rows)}`;
}

function isWell({ state }: ModuleCheckView): boolean {
  return state === 'healthy' || state === 'disabled';
}

function lineCount(text: string): number {
  const value = Number(text);
  if (!/^\d{1,7}$/.test(text) || value > 1_000_000)
    throw new InvalidArgumentError('It must be a whole number, 0 to 1000000.');
  return value;
}
