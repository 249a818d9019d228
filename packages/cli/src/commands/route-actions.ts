import type { Command } from 'commander';
import type { SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { table } from '../output/table.ts';

/** `route`: what administrators do with routes by hand. @internal */
export function addRouteActionCommands(program: Command, sessionOf: SessionOf): void {
  const route = program.command('route').description('change which releases requests get, by hand');
  route
    .command('set')
    .description('set shares in percent of all requests; 100 in all, releases that are not named get nothing')
    .argument('<module>')
    .argument('<release=percent...>', 'e.g. rel-1a2b3c4d5e6f7081=90')
    .action(async (moduleName: string, shares: readonly string[]) => {
      const session = sessionOf();
      const weights = Object.fromEntries(shares.map(shareOf));
      const client = await session.client();
      const view = await client.routes.set(moduleName, { weights }, { signal: session.signal });
      session.terminal.result(
        view,
        ({ releases }) =>
          table(
            ['VERSION', 'SHARE', 'RELEASE'],
            releases.map((release) => [release.version, `${String(release.percent)} %`, release.releaseId]),
          ),
        ({ revision }) => String(revision),
      );
    });
  route
    .command('delete')
    .description('take a module off every node; its versions and history stay')
    .argument('<module>')
    .action(async (moduleName: string) => {
      const session = sessionOf();
      await (await session.client()).routes.delete(moduleName, { signal: session.signal });
      session.terminal.result(
        { moduleName },
        () => `${moduleName} is taken off every node`,
        () => moduleName,
      );
    });
}

function shareOf(text: string): readonly [string, number] {
  const [releaseId = '', percent = '', ...more] = text.split('=');
  const value = Number(percent);
  if (releaseId !== '' && percent !== '' && more.length === 0 && value >= 0 && value <= 100) return [releaseId, value];
  throw cliError('HS_CLI_INVALID_OPTION', {
    option: 'release=percent',
    why: `${text} is no release id, = and a percentage`,
  });
}
