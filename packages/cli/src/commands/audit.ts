import { once } from 'node:events';
import type { Command } from 'commander';
import type { AuditAct } from '@hotswap/core';
import { parseExport, readServerLines } from '../audit/audit-lines.ts';
import { verifyAudit } from '../audit/verify-audit.ts';
import type { SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { addPageOptions, showPage } from '../list-pages.ts';
import { readFileOf } from '../option-values.ts';
import { table } from '../output/table.ts';

interface ListOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly object?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** `hotswap audit`: who changed what, and whether the record is whole. @internal */
export function addAuditCommands(program: Command, sessionOf: SessionOf): void {
  const audit = program.command('audit').description('who changed what, and whether the record of it is whole');
  addPageOptions(audit.command('list', { isDefault: true }))
    .description('list acts, the newest first')
    .option('--actor <name>', 'of one actor')
    .option('--action <action>', 'of one action, e.g. deployment.rollback')
    .option('--object <id>', 'about one thing')
    .action(async (options: ListOptions) => {
      const session = sessionOf();
      const page = await (await session.client()).audit.list({ limit: 50, ...options, order: 'desc' });
      showPage(
        session,
        page,
        ({ acts }) => actsText(acts),
        ({ acts }) => acts.map(({ seq }) => String(seq)),
      );
    });
  audit
    .command('export')
    .description('write all acts and journals, one JSON line each, to be verified anywhere')
    .action(async () => {
      const session = sessionOf();
      if (session.terminal.options.format === 'json')
        throw cliError('HS_CLI_INVALID_OPTION', {
          option: '--output json',
          why: 'an export has a document on each line, as --output ndjson and no --output write it',
        });
      for await (const line of readServerLines(await session.client()))
        if (!session.stdout.write(`${JSON.stringify(line)}\n`)) await once(session.stdout, 'drain');
    });
  audit
    .command('verify')
    .description('prove that no act and no journal was altered: of the server, or of an export')
    .argument('[file]', 'an export; default: what the server has')
    .option('--head <hash>', 'a head that an earlier verification showed, which the chain has to contain')
    .action(async (file: string | undefined, options: { readonly head?: string }) => {
      const session = sessionOf();
      const lines = file === undefined ? readServerLines(await session.client()) : parseExport(await readFileOf(file));
      const verdict = await verifyAudit(lines, options.head);
      session.terminal.result(
        verdict,
        ({ acts, journals, entries, head }) =>
          `whole: ${acts} acts, ${journals} journals with ${entries} entries\nhead:  ${head.hash} (act ${head.seq})`,
        ({ head }) => head.hash,
      );
    });
}

function actsText(acts: readonly AuditAct[]): string {
  return table(
    ['ACT', 'AT', 'ACTOR', 'ACTION', 'ON'],
    acts.map((act) => [String(act.seq), new Date(act.at).toISOString(), act.actor, act.action, act.object]),
  );
}
