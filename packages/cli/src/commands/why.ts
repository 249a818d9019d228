import type { Command } from 'commander';
import type { HotSwapClient, JournalEntryView, TrainView } from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { oneLine } from '../output/one-line.ts';
import { trainText } from '../output/train-text.ts';
import { findTrain } from '../watch-train.ts';

/** @internal */
export function addWhyCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('why')
    .description("tell a deployment's or a train's story: what was decided, from what, by whom")
    .argument('<id>', 'of a deployment, or of a train: the stories of its members, as they came')
    .argument('[step]', 'of a deployment: only what one step was, came to, and was decided in between')
    .action(async (deploymentId: string, step: string | undefined) => {
      const session = sessionOf();
      const client = await session.client();
      const train = await findTrain(client, deploymentId);
      if (train !== null) return tellTrain(session, client, train, step);
      const all = await wholeJournal(client, deploymentId);
      const entries = step === undefined ? all : entriesOfStep(all, deploymentId, step);
      session.terminal.result({ deploymentId, entries }, (story) =>
        story.entries.map((entry) => entryText(entry)).join('\n'),
      );
      return undefined;
    });
}

const entryText = ({ at, actor, explanation }: JournalEntryView, whose = ''): string =>
  `${at}  ${whose}${actor}: ${oneLine(explanation)}`;

/** How a train stands, and why, then what happened to its members, one line after the other in time. */
async function tellTrain(
  session: CommandSession,
  client: HotSwapClient,
  train: TrainView,
  step: string | undefined,
): Promise<void> {
  const { trainId, members } = train;
  if (step !== undefined)
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: 'step',
      why: `${trainId} is a train, and steps are those of its members: hotswap status ${trainId} names them`,
    });
  const entries: (JournalEntryView & { readonly deploymentId: string; readonly moduleId: string })[] = [];
  for (const { deploymentId, moduleId, deployment } of members)
    if (deployment !== null)
      for (const entry of await wholeJournal(client, deploymentId)) entries.push({ deploymentId, moduleId, ...entry });
  entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  session.terminal.result({ trainId, train, entries }, () =>
    [
      trainText(session.terminal, train),
      '',
      ...entries.map((entry) => entryText(entry, `${oneLine(entry.moduleId)}  `)),
    ].join('\n'),
  );
}

/** Every line of a journal, page by page. @internal */
export async function wholeJournal(client: HotSwapClient, deploymentId: string): Promise<readonly JournalEntryView[]> {
  const entries: JournalEntryView[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.deployments.journal(deploymentId, {
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    });
    entries.push(...page.entries);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}

/** From the beginning of a step to its end, and what the engine made of that end. */
function entriesOfStep(
  entries: readonly JournalEntryView[],
  deploymentId: string,
  step: string,
): readonly JournalEntryView[] {
  const isOf = ({ entry }: JournalEntryView): boolean => (entry as { readonly step?: number }).step === Number(step);
  const from = entries.findIndex(isOf);
  if (from < 0) throw cliError('HS_CLI_NO_SUCH_STEP', { deploymentId, step });
  const last = entries.findLastIndex(isOf);
  const after = entries.findIndex(
    (entry, at) => at > last && !['held', 'turned', 'closed', 'command'].includes(entry.type),
  );
  return entries.slice(from, after < 0 ? undefined : after);
}
