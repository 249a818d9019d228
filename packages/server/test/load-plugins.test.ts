import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadServerConfig } from '@hotswap/server';
import { loadPlugins } from '../src/plugins/load-plugins.ts';

const strategy = (name: string): string =>
  `{ name: '${name}', version: 1, configSchema: { safeParse: () => ({ success: true, data: {} }) }, *rollout() {} }`;
const packed = (name: string, entry: object): string => JSON.stringify({ name, type: 'module', ...entry });

describe('plugins', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-plugins-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function put(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
  }
  const names = async (...plugins: readonly string[]): Promise<readonly string[]> =>
    (await loadPlugins(plugins, directory)).flatMap(({ strategies = [] }) => strategies.map(({ name }) => name));

  it('are found as a file, a folder with exports, a folder with main, and an installed package', async () => {
    await put({
      'one.mjs': `export const strategies = [${strategy('One')}];`,
      'two/package.json': packed('two', { exports: './src/index.js' }),
      'two/src/index.js': `export const strategies = [${strategy('Two')}];`,
      'three/package.json': packed('three', { main: 'lib.js' }),
      'three/lib.js': `export const strategies = [${strategy('Three')}];`,
      'node_modules/@acme/four/package.json': packed('@acme/four', { exports: './index.js' }),
      'node_modules/@acme/four/index.js': `export const strategies = [${strategy('Four')}]; export const other = 4;`,
    });
    expect(await names('./one.mjs', './two', join(directory, 'three'), '@acme/four')).toEqual([
      'One',
      'Two',
      'Three',
      'Four',
    ]);
  });

  it('bring methods of judge', async () => {
    await put({ 'judge.mjs': "export const judges = { coin: () => ({ verdict: 'A' }) };" });
    const [plugin] = await loadPlugins(['./judge.mjs'], directory);
    expect(Object.keys(plugin?.judges ?? {})).toEqual(['coin']);
  });

  it('bring metrics sources', async () => {
    await put({ 'source.mjs': 'export const metricsSources = { datadog: { read: async () => ({}) } };' });
    const [plugin] = await loadPlugins(['./source.mjs'], directory);
    expect(Object.keys(plugin?.metricsSources ?? {})).toEqual(['datadog']);
  });

  it.each([
    [
      'own.mjs',
      'export const metricsSources = { hotswap: { read() {} } };',
      'HS_PLUGIN_INVALID',
      /hotswap is the built-in source/,
    ],
    ['blind.mjs', 'export const metricsSources = { blind: {} };', 'HS_PLUGIN_INVALID', /must be a function/],
    ['missing.mjs', undefined, 'HS_PLUGIN_NOT_FOUND', /could not be loaded/],
    ['throws.mjs', "throw new TypeError('no licence')", 'HS_PLUGIN_NOT_FOUND', /no licence/],
    ['empty.mjs', 'export const answer = 42;', 'HS_PLUGIN_INVALID', /it exports none of strategies/],
    ['text.mjs', "export const strategies = 'Canary';", 'HS_PLUGIN_INVALID', /strategies/],
    ['small.mjs', `export const strategies = [${strategy('small')}];`, 'HS_PLUGIN_INVALID', /name must be PascalCase/],
    [
      'half.mjs',
      "export const strategies = [{ name: 'Half', version: 0, configSchema: {} }];",
      'HS_PLUGIN_INVALID',
      /strategies\.0\.version .*configSchema must be a zod schema.*rollout must be a generator function/s,
    ],
    ['judge.mjs', 'export const judges = { coin: 1 };', 'HS_PLUGIN_INVALID', /judges\.coin must be a function/],
  ])('are refused with a reason: %s', async (file, text, code, message) => {
    if (text !== undefined) await put({ [file]: text });
    await expect(loadPlugins([`./${file}`], directory)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('are refused when nobody installed them', async () => {
    await expect(loadPlugins(['@acme/nowhere'], directory)).rejects.toMatchObject({ code: 'HS_PLUGIN_NOT_FOUND' });
  });

  it('are named in the file, on the command line, and in the environment', async () => {
    await put({ 'hotswap.config.json': JSON.stringify({ plugins: ['./a', '@acme/b'] }) });
    const file = ['--config', join(directory, 'hotswap.config.json')];
    expect((await loadServerConfig([], {})).plugins).toEqual([]);
    expect((await loadServerConfig(file, {})).plugins).toEqual(['./a', '@acme/b']);
    expect((await loadServerConfig(file, { HOTSWAP_PLUGINS: './c, @acme/d' })).plugins).toEqual(['./c', '@acme/d']);
    expect((await loadServerConfig([...file, '--plugins', './e'], {})).plugins).toEqual(['./e']);
    await expect(loadServerConfig([], { HOTSWAP_PLUGINS: 'a,,b' })).rejects.toMatchObject({
      code: 'HS_CONFIG_INVALID',
    });
  });
});
