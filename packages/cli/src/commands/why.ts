import type { Command } from 'commander';
import type { HotSwapClient, JournalEntryView } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { oneLine } from '../output/one-line.ts';

/** @internal */
export function addWhyCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('why')
    .description("tell a deployment's story: what was decided, from what, by whom")
    .argument('<deploymentId>')
    .argument('[step]', 'only what one step was, came to, and was decided in between')
    .action(async (deploymentId: string, step: string | undefined) => {
      const session = sessionOf();
      const all = await wholeJournal(await session.client(), deploymentId);
      const entries = step === undefined ? all : entriesOfStep(all, deploymentId, step);
      session.terminal.result({ deploymentId, entries }, (story) =>
        story.entries.map((entry) => `${entry.at}  ${entry.actor}: ${oneLine(entry.explanation)}`).join('\n'),
      );
    });
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
