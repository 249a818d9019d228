import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type * as binding from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';

/** The addon's exports. @internal */
export type NativeBinding = typeof binding;

const require = createRequire(import.meta.url);
const localBuild = fileURLToPath(new URL('../hotswap-runtime-wasmtime.node', import.meta.url));
/** Where this process keeps the name of the copy that it loaded. */
const loadedCopy: unique symbol = Symbol.for('hotswap.runtime-wasmtime.addon');

let loaded: NativeBinding | undefined;
let loadedFrom: string | undefined;

/**
 * Loads the addon: the file that `HOTSWAP_NATIVE_PATH` names and nothing else when that is set; otherwise the platform
 * package, then the build in this package's folder. Later calls return the same exports.
 * @throws HS_RUNTIME_NATIVE_MISSING with what was tried and why each failed.
 * @internal
 */
export function loadNativeBinding(): NativeBinding {
  if (loaded !== undefined) return loaded;
  const failures: string[] = [];
  for (const candidate of candidates()) {
    try {
      const exports = require(candidate) as NativeBinding;
      loadedFrom = require.resolve(candidate);
      warnOfSecondCopy(loadedFrom);
      return (loaded = exports);
    } catch (error) {
      failures.push(`${candidate} (${firstLine(error)})`);
    }
  }
  throw runtimeError('HS_RUNTIME_NATIVE_MISSING', {
    platform: `${process.platform}-${process.arch}`,
    tried: failures.join('; '),
  });
}

/**
 * Starts this Node and the same addon as a compiling child: nothing else has to be installed or found for it.
 * @internal
 */
export function compilerCommand(): readonly string[] {
  loadNativeBinding();
  return [process.execPath, '--eval', 'require(process.argv[1]).compileWorker()', '--', loadedFrom ?? localBuild];
}

function candidates(): readonly string[] {
  const override = process.env['HOTSWAP_NATIVE_PATH'];
  return override === undefined || override === '' ? [...platformPackages(), localBuild] : [override];
}

/** As napi-rs names them. On Linux the C library decides; the wrong one would not resolve its symbols. */
function platformPackages(): readonly string[] {
  const { platform, arch } = process;
  const abi = platform === 'linux' ? (usesGlibc() ? '-gnu' : '-musl') : platform === 'win32' ? '-msvc' : '';
  return [`@hotswap/runtime-wasmtime-${platform}-${arch}${abi}`];
}

function usesGlibc(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime !== undefined;
}

/** Two copies have two pools and two signal handlers that chain: it works, and is never what someone wants. */
function warnOfSecondCopy(path: string): void {
  const holder = process as { [loadedCopy]?: string };
  const first = (holder[loadedCopy] ??= path);
  if (first === path) return;
  process.emitWarning(
    `Two copies of the Wasmtime addon are loaded (${first} and ${path}): deduplicate @hotswap/runtime-wasmtime`,
    { code: 'HS_RUNTIME_TWO_COPIES' },
  );
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
