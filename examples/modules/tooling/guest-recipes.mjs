// How each kind of source becomes a .wasm file. A recipe gets absolute paths and answers the bytes; the toolchains are
// loaded only when something has to be built.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { typescriptHttp } from './typescript-http-recipe.mjs';
import { withoutInitExport } from './without-init-export.mjs';

/** A source that its compiler refuses. The message is all that a reader needs: no stack belongs to it. */
export class GuestBuildError extends Error {
  name = 'GuestBuildError';
}

/** TypeScript with its types taken away. Syntax is checked here, types by `tsc -p examples/modules`. */
async function stripTypes(path) {
  const { default: ts } = await import('typescript');
  const { outputText, diagnostics = [] } = ts.transpileModule(await readFile(path, 'utf8'), {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  if (diagnostics.length > 0) {
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => '', getNewLine: () => '\n' };
    throw new GuestBuildError(ts.formatDiagnostics(diagnostics, host));
  }
  return outputText;
}

/** A TypeScript source and a WIT world -> a component with QuickJS inside that imports nothing. */
async function typescript({ source, wit, world }) {
  const [{ componentize }, jsSource] = await Promise.all([import('componentize-qjs'), stripTypes(source)]);
  const folder = await mkdtemp(join(tmpdir(), 'hotswap-guest-'));
  try {
    const jsPath = join(folder, basename(source).replace(/\.ts$/, '.js'));
    await writeFile(jsPath, jsSource);
    // The WIT alone in a folder: the toolchain reads a folder of sources as WIT packages too.
    const witPath = join(folder, 'wit');
    await mkdir(witPath);
    await writeFile(join(witPath, basename(wit)), await readFile(wit));
    const options = { witPath, jsSource, jsPath, moduleRoot: folder, world, sync: true, optSize: true, stubWasi: true };
    const { component } = await componentize(options);
    return withoutInitExport(component);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const ASSEMBLYSCRIPT_OPTIONS = [
  '--runtime',
  'stub',
  '-O3',
  '--shrinkLevel',
  '2',
  '--noAssert',
  '--converge',
  '--use',
  'abort=',
];

/** AssemblyScript -> a core module without a runtime. */
async function assemblyscript({ source }) {
  const { default: asc } = await import('assemblyscript/asc');
  const entry = basename(source);
  const text = await readFile(source, 'utf8');
  let binary;
  const { error, stderr } = await asc.main([entry, '--outFile', 'out.wasm', ...ASSEMBLYSCRIPT_OPTIONS], {
    readFile: (name) => (name === entry ? text : null),
    writeFile: (name, contents) => {
      if (name === 'out.wasm') binary = contents;
    },
    listFiles: () => [],
  });
  if (error || binary === undefined) throw new GuestBuildError(`${stderr}` || String(error?.message ?? error));
  return binary;
}

/** WebAssembly text, core or component -> binary. */
async function wat({ source }) {
  const { parse } = await import('@bytecodealliance/jco');
  try {
    return await parse(await readFile(source, 'utf8'));
  } catch (error) {
    throw new GuestBuildError(describeWatError(error));
  }
}

/** `line:column: what` out of the debug print that the parser throws. */
function describeWatError(error) {
  const text = String(error?.payload ?? error?.message ?? error);
  const place = /line: (\d+), col: (\d+)/.exec(text);
  const reason = /Custom\("((?:[^"\\]|\\.)*)"\)/.exec(text);
  if (place === null) return text;
  return `${Number(place[1]) + 1}:${Number(place[2]) + 1}: ${reason?.[1] ?? text}`;
}

/** A WASI preview 1 command -> the same command as a component, by the adapter that jco ships. */
async function adaptedCommand({ from }) {
  const { componentNew, preview1AdapterCommandPath } = await import('@bytecodealliance/jco');
  const [core, adapter] = await Promise.all([readFile(from), readFile(preview1AdapterCommandPath())]);
  return componentNew(core, [['wasi_snapshot_preview1', adapter]]);
}

/** A binary that is committed beside its source, because its toolchain does not come from npm. */
const prebuilt = ({ source }) => readFile(source);

/** Recipe name -> how it builds, and the npm packages whose version decides what comes out. */
export const guestRecipes = {
  typescript: { build: typescript, toolchain: ['componentize-qjs', 'typescript'] },
  'typescript-http': {
    build: (inputs) => typescriptHttp(inputs, stripTypes),
    toolchain: ['@bytecodealliance/componentize-js', '@bytecodealliance/jco', 'typescript'],
  },
  assemblyscript: { build: assemblyscript, toolchain: ['assemblyscript'] },
  wat: { build: wat, toolchain: ['@bytecodealliance/jco'] },
  'adapted-command': { build: adaptedCommand, toolchain: ['@bytecodealliance/jco'] },
  prebuilt: { build: prebuilt, toolchain: [] },
};
