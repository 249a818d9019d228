import type { SimulatedEvent, SimulationResult } from '@hotswap/protocol';
import { statusText } from './deployment-text.ts';
import { fields } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a simulation came to, for people: changes first, then the timeline, then the verdict. @internal */
export function simulationText(terminal: Terminal, result: SimulationResult): string {
  const { releaseDiff, blastRadius, leftOut } = result;
  const sections = [
    section(terminal, 'Nodes', [
      ...result.changes.map(({ sentence }) => sentence),
      ...leftOut.map(({ nodeId, why }) => `left out: ${nodeId}, ${why}`),
    ]),
    releaseDiff &&
      section(terminal, `Release ${releaseDiff.to} instead of ${releaseDiff.from ?? 'nothing'}`, [
        ...(releaseDiff.changes.length === 0 ? ['nothing is other in it'] : []),
        ...releaseDiff.changes.map(({ sentence }) => sentence),
      ]),
    section(terminal, 'Simulated timeline', [
      ...result.timeline.map(eventLine),
      ...(result.eventsLeftOut > 0 ? [`... and ${String(result.eventsLeftOut)} more`] : []),
    ]),
    fields([
      ['status', statusText(terminal, { status: result.status, stuck: false })],
      ['reason', result.reason],
      ['verdict', result.verdict],
      ['takes', clock(result.durationMs)],
      [
        'blast radius',
        `${String(blastRadius.nodes)} nodes (${String(blastRadius.nodesPercent)} %), ${String(blastRadius.trafficPercent)} % of the requests, for ${clock(blastRadius.exposedMs)}; ${String(blastRadius.failedRequests)} of ${String(blastRadius.requests)} requests failed`,
      ],
      ['seed', String(result.seed)],
    ]),
  ];
  return sections.filter((text) => text !== undefined).join('\n\n');
}

function section(terminal: Terminal, title: string, lines: readonly string[]): string {
  return [terminal.paint('bold', title), ...lines.map((line) => `  ${line}`)].join('\n');
}

function eventLine({ atMs, source, trafficPercent, sentence }: SimulatedEvent): string {
  return `${clock(atMs)}  ${String(Math.round(trafficPercent)).padStart(3)} %  ${source === 'script' ? '! ' : ''}${sentence}`;
}

/** `h:mm:ss.mmm` of a time since execute. */
function clock(ms: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = Math.floor(ms / 1_000);
  return `${String(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${String(Math.round(ms % 1_000)).padStart(3, '0')}`;
}
