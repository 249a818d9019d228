import type { TrainView } from '@hotswap/protocol';
import { statusText } from './deployment-text.ts';
import { fields, table } from './table.ts';
import type { Terminal } from './terminal.ts';

/** A train with its members in the order in which they go, for people. @internal */
export function trainText(terminal: Terminal, train: TrainView): string {
  const head = fields([
    ['train', train.trainId],
    ['status', statusText(terminal, { status: train.status, stuck: false })],
    ['reason', train.reason],
    ['order', train.order === 'given' ? 'as given' : 'by interfaces'],
  ]);
  const rows = train.members.map(({ deploymentId, moduleId, after, deployment }) => [
    moduleId,
    deploymentId,
    deployment === null ? '-' : `${String(deployment.progressPercent)} %`,
    deployment === null ? 'not there' : statusText(terminal, deployment),
    after.map((needed) => `${needed.moduleId} (${needed.through})`).join(', '),
  ]);
  return `${head}\n\n${table(['MODULE', 'DEPLOYMENT', 'PROGRESS', 'STATUS', 'AFTER'], rows)}`;
}
