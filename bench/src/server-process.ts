import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { type Cores, onCores } from './cores.ts';

/** A server in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly port: number;
  /** Resident bytes, now; 0 where the system does not tell. */
  residentBytes(): Promise<number>;
  /** Time that its threads have computed so far, in seconds; 0 where the system does not tell. */
  cpuSeconds(): Promise<number>;
  /** To a child of Node's: a message, and what it answers. */
  ask<T>(message: object): Promise<T>;
}

export interface ServerCommand {
  readonly command: readonly string[];
  /** Finds the port in what it prints, as the first group. */
  readonly portPattern: RegExp;
  /** Whether messages can be sent to it. Default false. */
  readonly ipc?: boolean;
  /** Default `both`. */
  readonly cores?: Cores;
}

const startTimeoutMs = 120_000;

/** Starts a server and waits until it says where it listens. */
export async function startServer({
  command,
  portPattern,
  ipc = false,
  cores = 'both',
}: ServerCommand): Promise<ServerProcess> {
  const [program, ...args] = onCores(cores, command);
  // Programs in Rust would record a stack with each error, which takes some of them a tenth of their time.
  const env = { ...process.env, RUST_BACKTRACE: '0', RUST_LIB_BACKTRACE: '0' };
  const stdio = ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])] as const;
  const child = spawn(program ?? '', args, { stdio: [...stdio], env });
  const port = await portOf(child, command.join(' '), portPattern);
  return {
    port,
    residentBytes: () => residentBytes(child.pid ?? 0),
    cpuSeconds: () => cpuSeconds(child.pid ?? 0),
    ask: async <T>(message: object): Promise<T> => {
      child.send(message);
      const [answer] = (await once(child, 'message')) as [T];
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    },
  };
}

function portOf(child: ChildProcess, title: string, pattern: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why: string): void => reject(new RangeError(`${title}: ${why}\n${output}`));
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      fail('it does not say where it listens');
    }, startTimeoutMs);
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = pattern.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      // What it prints from now on is nobody's, but has to be read.
      child.stdout?.removeAllListeners('data').resume();
      child.stderr?.removeAllListeners('data').resume();
      resolve(Number(found));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.on('error', (error) => fail(error.message));
    child.on('close', (code, signal) => {
      clearTimeout(late);
      fail(`it ended with ${code ?? signal}`);
    });
  });
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
}

const ticksPerSecond = 100;

async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in brackets, which may hold anything; user and system time are 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}
