import type { Command } from 'commander';
import type { StrategyList } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { table } from '../output/table.ts';

/** @internal */
export function addStrategiesCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('strategies')
    .description('list strategies, and what each is recommended for')
    .action(async () => {
      const session = sessionOf();
      session.terminal.result(await (await session.client()).strategies.list(), strategiesText);
    });
}

function strategiesText({ environment, recommended, strategies }: StrategyList): string {
  const rows = strategies.map(({ name, version, recommendedFor }) => [
    name === recommended ? `${name} *` : name,
    String(version),
    recommendedFor.join(', '),
  ]);
  return `${table(['STRATEGY', 'VERSION', 'RECOMMENDED FOR'], rows)}\n* without --strategy, on this ${environment} server`;
}
