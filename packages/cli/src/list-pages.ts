import { InvalidArgumentError, type Command } from 'commander';
import type { CommandSession } from './command-session.ts';

/** `--limit` and `--cursor`, as every list has them. @internal */
export function addPageOptions(command: Command): Command {
  return command
    .option('--limit <n>', 'rows of a page', rowCount)
    .option('--cursor <cursor>', 'next page, as a former page names it');
}

/** Shows a page, or just its ids, and to people how they get the next one. @internal */
export function showPage<T extends { readonly nextCursor: string | null }>(
  { terminal }: CommandSession,
  page: T,
  text: (page: T) => string,
  ids: (page: T) => readonly string[],
): void {
  terminal.results(page, text, ids);
  if (page.nextCursor !== null && terminal.options.format === 'text')
    terminal.say(`there is more: --cursor ${page.nextCursor}`);
}

function rowCount(text: string): number {
  const value = Number(text);
  // How many it gives at most each list says by itself.
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}
