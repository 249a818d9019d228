import { rm } from 'node:fs/promises';
import { HeldProgram } from './held-program.ts';

/** A program of our own with a folder of its own, that can be killed and started again. */
export abstract class RealProgram implements AsyncDisposable {
  protected readonly directory: string;
  readonly #command: readonly string[];
  #program: HeldProgram | undefined;

  /** @param directory goes with the program */
  protected constructor(directory: string, command: readonly string[]) {
    this.directory = directory;
    this.#command = command;
  }

  /** Whether it can be worked with. */
  protected abstract answers(): Promise<boolean>;

  /** Starts the program; after a kill it has forgotten everything. */
  async run(): Promise<void> {
    this.#program = await HeldProgram.start(this.#command, () => this.answers());
  }

  /** `SIGSTOP` stops it from answering without closing anything; `SIGCONT` lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#program?.signal(name);
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}
