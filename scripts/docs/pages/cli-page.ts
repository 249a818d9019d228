import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { plain, table } from '../markdown.ts';
import { importSource } from '../repository.ts';
import { literalDocs, parseSource } from '../doc-comments.ts';
import type { ReferencePage } from '../reference-page.ts';

const exitCodeFile = 'packages/cli/src/exit-codes.ts';

interface CliHelp {
  readonly program: string;
  /** By name; that of a command within another one follows the other's: `interface approve`. */
  readonly commands: Readonly<Record<string, string>>;
}

/** The help of every command, and what the exit codes mean. */
export const cliPage: ReferencePage = {
  path: 'docs/reference/cli.md',
  title: 'Command line',
  render: async () => {
    const { program, commands } = await cliHelp();
    const { exitCodes } = await importSource<{ exitCodes: Readonly<Record<string, number>> }>(exitCodeFile);
    const docs = literalDocs(parseSource(exitCodeFile));
    return [
      'In a clone the command is `npm run -s hotswap -- COMMAND`. Results go to stdout, talk and errors to stderr.',
      block(program),
      ...Object.entries(commands).flatMap(([name, help]) => [`## ${name}`, block(help)]),
      '## Exit codes',
      table(
        ['code', 'name', 'means'],
        Object.entries(exitCodes).map(([name, value]) => [String(value), `\`${name}\``, plain(docs.get(name) ?? '')]),
      ),
    ].join('\n\n');
  },
};

const block = (text: string): string => `\`\`\`text\n${text.trim()}\n\`\`\``;

/** What the command line says about itself. */
export async function cliHelp(): Promise<CliHelp> {
  const script = fileURLToPath(new URL('../print-cli-help.ts', import.meta.url));
  const { FORCE_COLOR: _forced, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@hotswap/source', script], {
    env: { ...env, NO_COLOR: '1' },
  });
  return JSON.parse(stdout) as CliHelp;
}
