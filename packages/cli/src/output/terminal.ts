import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { shownText } from '@hotswap/protocol';

/** How results are written. `json` is one document, `ndjson` a document a line. @public */
export type OutputFormat = 'text' | 'json' | 'ndjson';

/** @internal */
export type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold';

/** Where a command writes and what it knows of the terminal. @public */
export interface TerminalOptions {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly format: OutputFormat;
  /** Only ids on stdout. */
  readonly quiet: boolean;
  readonly colour: boolean;
  /** Whether stderr can redraw a line. */
  readonly live: boolean;
}

/** What {@link Terminal.paint} writes; `concealed` and the like are not among it. */
// eslint-disable-next-line no-control-regex -- the sequences of colours
const ownColours = /\u001b\[(?:1|2|22|31|32|33|39)m/;

/**
 * Results go to stdout, talk goes to stderr: a pipe sees data only. Names and messages come from modules, nodes and other
 * people: what would act on a terminal is shown instead. JSON is written as JSON.
 * @internal
 */
export class Terminal {
  readonly options: TerminalOptions;
  #liveLine = false;

  constructor(options: TerminalOptions) {
    this.options = options;
  }

  /** Writes a command's result: the data as JSON, or the text made of it, or just its id. */
  result<T>(data: T, text: (data: T) => string, id?: (data: T) => string): void {
    this.#clear();
    const { format, quiet, stdout } = this.options;
    if (quiet && id) stdout.write(`${id(data)}\n`);
    else if (format === 'json') stdout.write(`${JSON.stringify(data, null, 2)}\n`);
    else if (format === 'ndjson') stdout.write(`${JSON.stringify(data)}\n`);
    else stdout.write(`${this.shown(text(data))}\n`);
  }

  /** The same for what has several ids, or none: one a line. */
  results<T>(data: T, text: (data: T) => string, ids: (data: T) => readonly string[]): void {
    if (!this.options.quiet) this.result(data, text);
    else for (const id of ids(data)) this.result(data, text, () => id);
  }

  /** One event of a stream: a line of text, or of JSON with `ndjson`. With `json` only the result is written. */
  event(data: unknown, text: string | undefined): void {
    this.#clear();
    if (this.options.format === 'ndjson') this.options.stdout.write(`${JSON.stringify(data)}\n`);
    else if (text !== undefined && !this.options.quiet)
      (this.options.format === 'text' ? this.options.stdout : this.options.stderr).write(`${this.shown(text)}\n`);
  }

  /** Something for people, never for programs. */
  say(text: string): void {
    this.#clear();
    if (!this.options.quiet) this.options.stderr.write(`${this.shown(text)}\n`);
  }

  /** A line at the bottom that the next one replaces; nothing where the terminal cannot do that. */
  live(text: string): void {
    if (!this.options.live || this.options.quiet) return;
    this.#clear();
    this.options.stderr.write(this.shown(text));
    this.#liveLine = true;
  }

  /** Ends the live line, if there is one. */
  done(): void {
    this.#clear();
  }

  paint(colour: Colour, text: string): string {
    return this.options.colour ? styleText(colour, text, { validateStream: false }) : text;
  }

  /** Text in which nothing acts on a terminal but colours of this program's own. */
  shown(text: string): string {
    return shownText(text, this.options.colour ? ownColours : undefined);
  }

  #clear(): void {
    if (this.#liveLine) this.options.stderr.write('\r\u001b[K');
    this.#liveLine = false;
  }
}
