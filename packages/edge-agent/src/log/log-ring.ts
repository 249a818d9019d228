import type { NodeLogBatch, NodeLogLine } from '@hotswap/protocol';

/** A line as it is written. @internal */
export interface LogEntry extends Omit<NodeLogLine, 'id' | 'at'> {
  /** Unix milliseconds. */
  readonly at: number;
}

/** @internal */
export interface LogRingOptions {
  /** Eight hexadecimal digits, others at each start: positions of another start are recognized by it. */
  readonly id: string;
  readonly maxBytes: number;
  readonly maxLines: number;
}

/** What of the log is read. @internal */
export interface LogReading {
  /** Absent: all modules. */
  readonly module?: string | undefined;
  /** Absent, or of another start: from the beginning. */
  readonly after?: string | undefined;
  /** Without `after`: the last ones only. */
  readonly tail?: number | undefined;
  readonly limit: number;
}

interface StoredLine {
  readonly entry: LogEntry;
  /** Among the lines of all modules, from 1. */
  readonly number: number;
  readonly sizeBytes: number;
}

/** What a line weighs beside its text. */
const lineBytes = 160;
/** Text of one answer, at least one line. */
const maxBatchChars = 1_048_576;

/**
 * The last lines of each module on a node, within one bound of bytes and one of lines for all of them. What is written
 * on top pushes out old lines of the module that writes, or of the one that holds the most: a module that floods the log
 * takes nothing from one that holds less than its share. Positions count lines that were ever written, so that a reader
 * learns exactly how many it has missed.
 * @internal
 */
export class LogRing {
  readonly #options: LogRingOptions;
  readonly #modules = new Map<string, ModuleLines>();
  #written = 0;
  #lines = 0;
  #bytes = 0;

  constructor(options: LogRingOptions) {
    this.#options = options;
  }

  /** Lines that are held. */
  get lineCount(): number {
    return this.#lines;
  }

  /** Memory that they take, as it is bounded. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  append(entry: LogEntry): void {
    const sizeBytes = lineBytes + 2 * entry.text.length;
    let module = this.#modules.get(entry.moduleName);
    if (module === undefined) this.#modules.set(entry.moduleName, (module = new ModuleLines()));
    module.push({ entry, sizeBytes, number: ++this.#written });
    this.#lines++;
    this.#bytes += sizeBytes;
    while (this.#lines > this.#options.maxLines || this.#bytes > this.#options.maxBytes) this.#drop(module);
  }

  /** Whether there is something to read after that position. */
  hasAfter(reading: Pick<LogReading, 'module' | 'after'>): boolean {
    const from = this.#position(reading);
    return from === undefined || from < this.#head(reading.module);
  }

  read(reading: LogReading): NodeLogBatch {
    const { module, after, limit } = reading;
    const from = this.#position(reading);
    const isNew = from === undefined;
    const found = this.#held(module, from ?? 0);
    const tail = isNew && after === undefined ? reading.tail : undefined;
    const wanted = tail === undefined ? found : found.slice(Math.max(0, found.length - tail));
    const sent = firstOf(wanted, limit);
    const hasMore = sent.length < wanted.length;
    const last = sent.at(-1);
    const to = hasMore && last !== undefined ? last.position : this.#head(module);
    const lines = sent.map(({ line, position }) => this.#wire(line, position, module));
    const missing = isNew ? 0 : to - (from ?? 0) - sent.length;
    return {
      lines,
      next: this.#cursor(to, module),
      hasMore,
      ...(isNew && after !== undefined ? { lost: { reason: 'restarted' as const, lines: null } } : {}),
      ...(missing > 0 ? { lost: { reason: 'overwritten' as const, lines: missing } } : {}),
    };
  }

  /** Lines after a position, in the order in which they were written. */
  #held(moduleName: string | undefined, from: number): readonly Found[] {
    if (moduleName !== undefined) {
      const module = this.#modules.get(moduleName);
      return module === undefined
        ? []
        : module.after(from).map((line, at, all) => ({ line, position: module.written - all.length + at + 1 }));
    }
    return [...this.#modules.values()]
      .flatMap((module) => module.numberedAfter(from))
      .sort((a, b) => a.number - b.number)
      .map((line) => ({ line, position: line.number }));
  }

  #head(moduleName: string | undefined): number {
    return moduleName === undefined ? this.#written : (this.#modules.get(moduleName)?.written ?? 0);
  }

  #cursor(position: number, moduleName: string | undefined): string {
    return `${this.#options.id}.${moduleName === undefined ? 'n' : 'm'}${position}`;
  }

  /** `undefined`: none, or none of this log. */
  #position({ module, after }: Pick<LogReading, 'module' | 'after'>): number | undefined {
    const prefix = `${this.#options.id}.${module === undefined ? 'n' : 'm'}`;
    if (after?.startsWith(prefix) !== true) return undefined;
    const position = Number(after.slice(prefix.length));
    return Number.isSafeInteger(position) && position <= this.#head(module) ? position : undefined;
  }

  #drop(writer: ModuleLines): void {
    const isGreedy = writer.sizeBytes * this.#modules.size >= this.#bytes;
    const victim = isGreedy ? writer : this.#largest();
    this.#lines--;
    this.#bytes -= victim.shift();
  }

  #largest(): ModuleLines {
    let largest: ModuleLines | undefined;
    for (const module of this.#modules.values())
      if (largest === undefined || module.sizeBytes > largest.sizeBytes) largest = module;
    return largest as ModuleLines;
  }

  #wire({ entry }: StoredLine, position: number, moduleName: string | undefined): NodeLogLine {
    return { id: this.#cursor(position, moduleName), ...entry, at: new Date(entry.at).toISOString() };
  }
}

interface Found {
  readonly line: StoredLine;
  readonly position: number;
}

/** As many as one answer may have. */
function firstOf(found: readonly Found[], limit: number): readonly Found[] {
  let chars = 0;
  const end = found.findIndex(({ line }, at) => {
    chars += line.entry.text.length;
    return at >= limit || (at > 0 && chars > maxBatchChars);
  });
  return end < 0 ? found : found.slice(0, end);
}

/** Lines of one module: a queue whose front is cleared out now and then, so that dropping a line costs nothing. */
class ModuleLines {
  /** Lines that the module ever had. */
  written = 0;
  sizeBytes = 0;
  #lines: (StoredLine | undefined)[] = [];
  #from = 0;

  push(line: StoredLine): void {
    this.written++;
    this.sizeBytes += line.sizeBytes;
    this.#lines.push(line);
  }

  /** Drops the oldest line. @returns what it weighed */
  shift(): number {
    const line = this.#lines[this.#from];
    this.#lines[this.#from++] = undefined;
    if (this.#from >= 1_024 && this.#from * 2 >= this.#lines.length) {
      this.#lines = this.#lines.slice(this.#from);
      this.#from = 0;
    }
    const sizeBytes = line?.sizeBytes ?? 0;
    this.sizeBytes -= sizeBytes;
    return sizeBytes;
  }

  /** Lines after so many of the module. */
  after(position: number): readonly StoredLine[] {
    const held = this.#lines.length - this.#from;
    const skipped = Math.max(0, held - (this.written - position));
    return this.#lines.slice(this.#from + skipped) as readonly StoredLine[];
  }

  /** Lines after so many of all modules. */
  numberedAfter(position: number): readonly StoredLine[] {
    let [low, high] = [this.#from, this.#lines.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lines[middle] as StoredLine).number <= position) low = middle + 1;
      else high = middle;
    }
    return this.#lines.slice(low) as readonly StoredLine[];
  }
}
