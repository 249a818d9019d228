import type { Command } from 'commander';
import type { ReleaseDiff, ReleaseView } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { addPageOptions, showPage } from '../list-pages.ts';
import { oneLine } from '../output/one-line.ts';
import { table } from '../output/table.ts';

/** @internal */
export function addReleaseCommands(program: Command, sessionOf: SessionOf): void {
  const releases = program.command('releases').description('list releases, and compare them');
  addPageOptions(releases.command('list', { isDefault: true }))
    .description('list releases, newest first')
    .option('--module <name>', 'of one module')
    .action(
      async ({ module, ...page }: { readonly module?: string; readonly limit?: number; readonly cursor?: string }) => {
        const session = sessionOf();
        const query = { ...page, ...(module === undefined ? {} : { moduleName: module }) };
        const list = await (await session.client()).releases.list(query);
        showPage(
          session,
          list,
          (shown) => listText(shown.releases),
          ({ releases: rows }) => rows.map(({ releaseId }) => releaseId),
        );
      },
    );
  releases
    .command('diff')
    .description('show what changes from one release to another')
    .argument('<releaseA>', 'release to compare with, or `live`: what most requests get now')
    .argument('<releaseB>')
    .action(async (from: string, to: string) => {
      const session = sessionOf();
      const client = await session.client();
      const diff = await client.releases.diff(to, from === 'live' ? {} : { against: from });
      session.terminal.result(diff, releaseDiffText);
    });
}

/** The changes of a release, one sentence a line. @internal */
export function releaseDiffText({ from, to, changes }: ReleaseDiff): string {
  if (changes.length === 0) return `${from ?? 'nothing'} and ${to} are the same`;
  const marks = { added: '+', removed: '-', changed: '~' } as const;
  return [
    `from ${from ?? 'nothing'} to ${to}:`,
    ...changes.map((change) => `${marks[change.kind]} ${oneLine(change.sentence)}`),
  ].join('\n');
}

function listText(releases: readonly ReleaseView[]): string {
  return table(
    ['RELEASE', 'MODULE', 'DIGEST', 'CONFIGURATION'],
    releases.map((release) => [
      release.releaseId,
      release.moduleId,
      release.digest.slice(0, 12),
      Object.keys(release.config).join(', ') || '-',
    ]),
  );
}
