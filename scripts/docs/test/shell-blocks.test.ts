import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliHelp } from '../pages/cli-page.ts';
import { readText, root } from '../repository.ts';
import { shellLines, words } from '../shell-blocks.ts';

const { program, commands } = await cliHelp();
const { scripts } = JSON.parse(readText('package.json')) as { scripts: Readonly<Record<string, string>> };
const lines = shellLines();

/** What follows `hotswap`, however it is started; undefined for other programs. */
function hotswapArguments(line: string): readonly string[] | undefined {
  const all = words(line.replace(/^npm run (?:-s|--silent) hotswap --/, 'hotswap'));
  return all[0] === 'hotswap' ? all.slice(1) : undefined;
}

describe('commands in the documentation', () => {
  it('are found', () => {
    expect(lines.filter(({ line }) => hotswapArguments(line) !== undefined).length).toBeGreaterThan(10);
  });

  it.each(lines.filter(({ line }) => hotswapArguments(line) !== undefined))('$page: $line', ({ line }) => {
    const all = hotswapArguments(line) ?? [];
    const at = all.findIndex((word) => Object.hasOwn(commands, word));
    const within = all.slice(at, at + 2).join(' ');
    const command = Object.hasOwn(commands, within) ? within : all[at];
    expect(command, 'is no command of hotswap').toBeDefined();
    for (const option of all.filter((word) => word.startsWith('--')))
      expect(`${program}${commands[command ?? ''] ?? ''}`).toContain(`${option.replace(/=.*$/, '')}`);
  });

  it('start scripts that package.json has', () => {
    const wanted = lines.flatMap(({ page, line }) =>
      [...line.matchAll(/npm (?:run )?(?:-s |--silent )?(\w[\w:-]*)/g)].map(([, name = '']) => ({ page, name })),
    );
    const npmOwn = ['install', 'ci', 'exec', 'run', ...Object.keys(scripts)];
    expect(wanted.filter(({ name }) => !npmOwn.includes(name))).toEqual([]);
  });

  it('name files that are there', () => {
    const built = /^examples\/modules\/dist\//;
    const paths = lines.flatMap(({ page, line }) =>
      words(line)
        .filter((word) => /^(?:packages|scripts|examples|docs|bench)\//.test(word) && !built.test(word))
        .map((path) => ({ page, path })),
    );
    expect(paths.filter(({ path }) => !path.includes('<') && !existsSync(join(root, path)))).toEqual([]);
  });

  it('push modules that the examples build', () => {
    const exampleModules = ['example', 'http']
      .map((kind) => readText(`examples/modules/catalogue/${kind}-modules.mjs`))
      .join('\n');
    for (const { page, line } of lines) {
      for (const [, name = '', version = ''] of line.matchAll(
        /examples\/modules\/dist\/([\w-]+?)-(\d+\.\d+\.\d+)\.wasm/g,
      )) {
        expect(exampleModules, page).toContain(name);
        expect(exampleModules, page).toContain(version);
      }
    }
  });
});
