import type { Command } from 'commander';
import type { JournalEntryView } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';

/** @internal */
export function addWhyCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('why')
    .description("tell a deployment's story: what was decided, from what, by whom")
    .argument('<deploymentId>')
    .action(async (deploymentId: string) => {
      const session = sessionOf();
      const client = await session.client();
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
      session.terminal.result({ deploymentId, entries }, (story) =>
        story.entries.map((entry) => `${entry.at}  ${entry.actor}: ${entry.explanation}`).join('\n'),
      );
    });
}
