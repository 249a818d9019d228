import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const programs = fileURLToPath(new URL('../programs.mjs', import.meta.url));
/** Kills the program when its input ends, which it also does when the process that holds it dies in any way. */
const untilInputEnds =
  '"$@" </dev/null & program=$!; echo $program; read -r _; kill -KILL $program 2>/dev/null; wait $program';
const startTimeoutMs = 30_000;

/** Command line of a program that tests run for real; fetched when it is not there. */
export async function commandOf(name: string): Promise<readonly [string, ...string[]]> {
  const { stdout } = await promisify(execFile)(process.execPath, [programs, name]);
  return JSON.parse(stdout) as [string, ...string[]];
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

/** A program that runs, and ends with whoever holds it. */
export class HeldProgram {
  readonly #child: ChildProcess;
  #pid = 0;
  #log = '';

  private constructor(command: readonly string[]) {
    const child = spawn('sh', ['-c', untilInputEnds, 'sh', ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => undefined);
    child.stdout.once('data', (text: Buffer) => (this.#pid = Number(text.toString().split('\n', 1)[0])));
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (this.#log = (this.#log + text.toString()).slice(-8_000)));
    this.#child = child;
  }

  /** Resolves once it is up. */
  static async start(command: readonly string[], isUp: () => Promise<boolean>): Promise<HeldProgram> {
    const program = new HeldProgram(command);
    for (let waitedMs = 0; !(await isUp()); waitedMs += 25) {
      if (!program.#isRunning || waitedMs > startTimeoutMs) {
        await program.kill();
        throw new Error(`${command.join(' ')} did not start:\n${program.#log}`);
      }
      await sleep(25);
    }
    return program;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.#pid, name);
  }

  async kill(): Promise<void> {
    if (!this.#isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}
