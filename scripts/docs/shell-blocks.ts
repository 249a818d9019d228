import { findFiles, readText } from './repository.ts';

/** One command line of a page's shell blocks. */
export interface ShellLine {
  readonly page: string;
  readonly line: string;
}

/** Pages whose commands people type. */
const pages = (): readonly string[] => [
  ...findFiles('*.md'),
  ...findFiles('docs/*.md'),
  ...findFiles('docs/{guides,explanation}/*.md'),
  'packages/cli/README.md',
];

/** Every line of every block marked `sh`, without comments. */
export function shellLines(): readonly ShellLine[] {
  return pages().flatMap((page) =>
    [...readText(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)]
      .flatMap(([, block = '']) => block.split('\n'))
      .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('alias '))
      .map((line) => ({ page, line })),
  );
}

/** Words of a command line; quotes are taken off, nothing is expanded. */
export function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );
}
