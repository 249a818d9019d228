import type {
  ReleaseDiff,
  SimulatedCourse,
  SimulatedEvent,
  SimulatedMember,
  SimulatedOutcome,
  SimulationResult,
  TrainSimulationResult,
} from '@hotswap/protocol';
import { statusText } from './deployment-text.ts';
import { oneLine } from './one-line.ts';
import { fields } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a simulation came to, for people: changes first, then the timeline, then the verdict. @internal */
export function simulationText(terminal: Terminal, result: SimulationResult): string {
  const { releaseDiff } = result;
  const sections = [
    section(terminal, 'Nodes', nodeLines(result)),
    releaseDiff && section(terminal, ...diffLines(releaseDiff)),
    timelineSection(terminal, result),
    fields([
      ['status', statusText(terminal, { status: result.status, stuck: false })],
      ['reason', result.reason],
      ['refused', refusalText(terminal, result)],
      ['verdict', result.verdict],
      ['takes', clock(result.durationMs)],
      ['blast radius', blastText(result)],
      ['seed', String(result.seed)],
    ]),
  ];
  return sections.filter((text) => text !== undefined).join('\n\n');
}

/** The same of a release train: each member in its turn, then the timeline of the whole. @internal */
export function trainSimulationText(terminal: Terminal, result: TrainSimulationResult): string {
  const sections = [
    ...result.members.map((member, n) =>
      section(terminal, `${String(n + 1)}. ${member.moduleId}`, memberLines(terminal, member)),
    ),
    timelineSection(terminal, result),
    fields([
      ['status', statusText(terminal, { status: result.status, stuck: false })],
      ['reason', result.reason],
      ['refused', refusalText(terminal, result)],
      ['order', result.order === 'given' ? 'as given' : 'by interfaces'],
      ['takes', clock(result.durationMs)],
      ['seed', String(result.seed)],
    ]),
  ];
  return sections.join('\n\n');
}

/** The simulation went as if nobody held it up. */
function refusalText(terminal: Terminal, { executeRefusal }: SimulatedCourse): string | undefined {
  return executeRefusal && `${terminal.paint('yellow', executeRefusal.code)}: ${executeRefusal.detail}`;
}

function memberLines(terminal: Terminal, member: SimulatedMember): readonly string[] {
  const { after, breaks = [], refusal, releaseDiff, beganAtMs, endedAtMs } = member;
  const [title, changes] = releaseDiff ? diffLines(releaseDiff) : ['', []];
  const when =
    beganAtMs === null
      ? 'its turn never comes'
      : `from ${clock(beganAtMs)} to ${endedAtMs === null ? 'no end' : clock(endedAtMs)}`;
  return [
    ...after.map((needed) => `after ${needed.moduleId}, for ${needed.through}`),
    ...(refusal ? [`! would be refused (${refusal.code}): ${refusal.detail}`] : []),
    ...breaks.map(({ kind, name, paths }) => `! breaks ${consumerKinds[kind]} ${name}: ${paths.join(', ')}`),
    ...nodeLines(member),
    ...(releaseDiff ? [title, ...changes.map((line) => `  ${line}`)] : []),
    `${statusText(terminal, { status: member.status, stuck: false })}, ${when}${member.reason === undefined ? '' : `: ${member.reason}`}`,
    ...(beganAtMs === null ? [] : [`blast radius: ${blastText(member)}`]),
  ];
}

const consumerKinds = { module: 'module', declared: 'the declared consumer', caller: 'caller', http: 'HTTP' } as const;

const nodeLines = ({ changes, leftOut }: SimulatedOutcome): readonly string[] => [
  ...changes.map(({ sentence }) => sentence),
  ...leftOut.map(({ nodeId, why }) => `left out: ${nodeId}, ${why}`),
];

const diffLines = ({ from, to, changes }: ReleaseDiff): readonly [title: string, lines: readonly string[]] => [
  `Release ${to} instead of ${from ?? 'nothing'}`,
  changes.length === 0 ? ['nothing is other in it'] : changes.map(({ sentence }) => sentence),
];

const timelineSection = (terminal: Terminal, { timeline, eventsLeftOut }: SimulatedCourse): string =>
  section(terminal, 'Simulated timeline', [
    ...timeline.map(eventLine),
    ...(eventsLeftOut > 0 ? [`... and ${String(eventsLeftOut)} more`] : []),
  ]);

const blastText = ({ blastRadius: { nodes, nodesPercent, ...reached } }: SimulatedOutcome): string =>
  `${String(nodes)} nodes (${String(nodesPercent)} %), ${String(reached.trafficPercent)} % of the requests, for ${clock(reached.exposedMs)}; ${String(reached.failedRequests)} of ${String(reached.requests)} requests failed`;

function section(terminal: Terminal, title: string, lines: readonly string[]): string {
  return [terminal.paint('bold', title), ...lines.map((line) => `  ${oneLine(line)}`)].join('\n');
}

function eventLine({ atMs, source, moduleId, trafficPercent, sentence }: SimulatedEvent): string {
  const whose = `${source === 'script' ? '! ' : ''}${moduleId === undefined ? '' : `${moduleId}: `}`;
  return `${clock(atMs)}  ${String(Math.round(trafficPercent)).padStart(3)} %  ${whose}${sentence}`;
}

/** `h:mm:ss.mmm` of a time since execute. */
function clock(ms: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = Math.floor(ms / 1_000);
  return `${String(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${String(Math.round(ms % 1_000)).padStart(3, '0')}`;
}
