import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program of this project that runs as a child process with its output in a log file. @public */
export interface ChildProgram {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with the exit code, or the signal's name, when the process has ended. */
  readonly ended: Promise<number | string>;
  isRunning(): boolean;
  /** Asks it to stop, and kills it after the grace. */
  stop(graceMs: number): Promise<void>;
  /** Kills it without notice, as a crash would. */
  kill(): Promise<void>;
}

/**
 * Starts a package's program with the options of this process (so that sources run as sources). The child gets an IPC
 * channel: when this process dies, however it dies, the channel closes and the child ends itself.
 * @public
 */
export function startProgram(options: {
  readonly name: string;
  /** URL of the entry file, e.g. from `import.meta.resolve`. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
}): ChildProgram {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(options.entry), ...options.args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...options.env },
    // A group of its own, so that Ctrl-C in a terminal reaches the cluster only, which then stops its children in order.
    detached: true,
  });
  const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const ended = once(child, 'exit').then(([code, signal]) => {
    log.end();
    return (code ?? signal) as number | string;
  });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    name: options.name,
    pid: child.pid ?? -1,
    logFile: options.logFile,
    ended,
    isRunning,
    stop: (graceMs) => stop(child, ended, isRunning, graceMs),
    kill: async () => {
      if (isRunning()) child.kill('SIGKILL');
      await ended;
    },
  };
}

async function stop(
  child: ChildProcess,
  ended: Promise<unknown>,
  isRunning: () => boolean,
  graceMs: number,
): Promise<void> {
  if (isRunning()) {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
  }
}
