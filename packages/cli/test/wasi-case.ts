import { execFile, type ChildProcess, type ExecFileException } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One run of a program and what has to come of it: the specification of the public WASI test suite, and a little more. */
export interface WasiCase {
  readonly name: string;
  /** The binary. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Directory beside the binary that the guest has as `/`. */
  readonly root?: string | null;
  /** `HOST::GUEST[::ro]` with hosts beside the binary. */
  readonly dirs?: readonly string[];
  /** Options of `hotswap run`. */
  readonly options?: readonly string[];
  readonly stdin?: string;
  /** Default 0. */
  readonly exit_code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly stdout_bytes?: number;
  readonly stderr_contains?: readonly string[];
}

/** What a run made of it. */
export interface WasiOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Runs a case by the real command line, in a copy of its directories. */
export async function runWasiCase(one: WasiCase): Promise<WasiOutcome> {
  const workDir = await mkdtemp(join(tmpdir(), 'hotswap-wasi-'));
  try {
    const dirs = [...(one.root === undefined || one.root === null ? [] : [`${one.root}::/`]), ...(one.dirs ?? [])];
    const grants: string[] = [];
    for (const [i, dir] of dirs.entries()) {
      const [host = '', ...rest] = dir.split('::');
      await cp(resolve(dirname(one.file), host), join(workDir, String(i)), { recursive: true });
      grants.push('--dir', [join(workDir, String(i)), ...rest].join('::'));
    }
    const env = Object.entries(one.env ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const argv0 = ['--argv0', basename(one.file)];
    return await hotswapRun(
      [...grants, ...env, ...argv0, ...(one.options ?? []), one.file, ...(one.args ?? [])],
      one.stdin,
    );
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** `hotswap run` in a process of its own. */
export function hotswapRun(args: readonly string[], stdin: string = ''): Promise<WasiOutcome> {
  return new Promise((done) => {
    const finish = (error: ExecFileException | null, stdout: string, stderr: string): void => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ exitCode, stdout, stderr });
    };
    const options = { maxBuffer: 64 * 1_048_576, timeout: 60_000 };
    const all = ['--conditions=@hotswap/source', program, 'run', ...args];
    const child: ChildProcess = execFile(process.execPath, all, options, finish);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  });
}

/** What an outcome lacks; empty when it is as the case says. */
export function mismatches(one: WasiCase, { exitCode, stdout, stderr }: WasiOutcome): readonly string[] {
  const wrong: string[] = [];
  const expect = (what: string, holds: boolean, found: unknown): void => {
    if (!holds) wrong.push(`${what}, found ${JSON.stringify(found).slice(0, 1_000)}`);
  };
  const wanted = one.exit_code ?? 0;
  expect(`exit code ${wanted}`, exitCode === wanted, { exitCode, stderr });
  if (one.stdout !== undefined) expect(`stdout ${JSON.stringify(one.stdout)}`, stdout === one.stdout, stdout);
  if (one.stderr !== undefined) expect(`stderr ${JSON.stringify(one.stderr)}`, stderr === one.stderr, stderr);
  if (one.stdout_bytes !== undefined)
    expect(`${one.stdout_bytes} bytes of stdout`, Buffer.byteLength(stdout) === one.stdout_bytes, stdout.length);
  for (const part of one.stderr_contains ?? []) expect(`stderr with ${part}`, stderr.includes(part), stderr);
  return wrong;
}

/** The cases of a directory in the public suite's layout: `NAME.wasm`, and `NAME.json` where it needs something. */
export async function readSuite(directory: string): Promise<readonly WasiCase[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.wasm')).sort();
  return Promise.all(
    files.map(async (name): Promise<WasiCase> => {
      const spec = await readFile(join(directory, name.replace(/\.wasm$/, '.json')), 'utf8').catch(() => '{}');
      return { ...(JSON.parse(spec) as object), name: name.slice(0, -'.wasm'.length), file: join(directory, name) };
    }),
  );
}
