import type { CallableDescription, HostSignature, WitType } from '../binding.d.ts';
import { countParts } from './message-layout.ts';
import { MessageReader, readerPrelude } from './message-reader.ts';
import { MessageScratch, viewOf } from './message-scratch.ts';
import { MessageWriter, writerPrelude } from './message-writer.ts';

interface Program {
  /** Where the message of these arguments ends; throws what does not fit. */
  write(scratch: MessageScratch, args: readonly unknown[]): number;
  read(bytes: Buffer, view: DataView): unknown;
}

/** What makes a program of its text; the text holds names of the guest's types as literals, and nothing else of the guest's. */
type Compile = (unfit: unknown) => Program;

/** A larger type would be compiled for longer than it saves. */
const maxParts = 1_000;
/** Thrown by a program that gives up: the same for all, because nobody sees it. */
const unfit: unique symbol = Symbol('does not fit');

/**
 * Arguments and the result of one function as messages: one run of bytes each, in the layout that `values/message.rs` of the addon
 * describes. The way there is compiled at the first call.
 * @internal
 */
export class MessageCodec {
  readonly #writes: readonly WitType[];
  /** `null` where what comes back is no message. */
  readonly #reads: WitType | undefined | null;
  #program: Program | null | undefined;

  private constructor(writes: readonly WitType[], reads: WitType | undefined | null) {
    this.#writes = writes;
    this.#reads = reads;
  }

  /** For calls of a guest: writes arguments, reads the result. `undefined` where values cross just as quickly by themselves. */
  static of({ params, results, message }: CallableDescription): MessageCodec | undefined {
    if (message === null) return undefined;
    const [only] = results;
    // A result at the top is its ok value; an error is no message.
    const result = only?.kind === 'result' ? only.ok : only;
    return new MessageCodec(
      params.map(({ type }) => type),
      message === 'both' ? result : null,
    );
  }

  /** For calls by a guest: reads arguments, writes results. */
  static ofHost({ params, results, packsParams, packsResults }: HostSignature): MessageCodec | undefined {
    if (!packsParams && !packsResults) return undefined;
    const args: WitType = { kind: 'tuple', items: params.map(({ type }) => type) };
    return new MessageCodec(packsResults ? results : [], packsParams ? args : null);
  }

  /** A process may be started without code from texts: there are no codecs in it, and values cross one by one. */
  static get available(): boolean {
    return (available ??= compiled('return true;') !== null);
  }

  /** The length of the message, or -1 for arguments that the other transport has to judge. */
  write(scratch: MessageScratch, args: readonly unknown[]): number {
    this.#program ??= this.#compile();
    if (this.#program === null) return -1;
    try {
      return this.#program.write(scratch, args);
    } catch {
      return -1;
    }
  }

  /** Hands the message of these arguments to whoever copies it; false when there is none. */
  send(args: readonly unknown[], copy: (bytes: Uint8Array, length: number) => void): boolean {
    const scratch = MessageScratch.take();
    try {
      const length = this.write(scratch, args);
      if (length >= 0) copy(scratch.bytes, length);
      return length >= 0;
    } finally {
      MessageScratch.giveBack(scratch);
    }
  }

  /** The message of these values, good until the next call of any codec; `undefined` when there is none. */
  pack(values: readonly unknown[]): Uint8Array | undefined {
    const scratch = MessageScratch.take();
    try {
      const length = this.write(scratch, values);
      return length < 0 ? undefined : scratch.bytes.subarray(0, length);
    } finally {
      MessageScratch.giveBack(scratch);
    }
  }

  /** The result of a call that was made with a message: in the scratch where `answer` is its length there. */
  read(scratch: MessageScratch, answer: unknown): unknown {
    if (this.#reads === null) return answer;
    return typeof answer === 'number' ? this.#read(scratch.bytes, scratch.view) : this.readBytes(answer);
  }

  /** The same for a result that has memory of its own. */
  readBytes(answer: unknown): unknown {
    if (this.#reads === null || !(answer instanceof Uint8Array)) return answer;
    return this.#read(Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength), viewOf(answer));
  }

  #read(bytes: Buffer, view: DataView): unknown {
    this.#program ??= this.#compile();
    return this.#program?.read(bytes, view);
  }

  #compile(): Program | null {
    // What has to be read is read, however large its type is.
    const parts = this.#writes.reduce((sum, type) => sum + countParts(type), 0);
    const writer = parts > maxParts ? 'function write() { throw unfit; }' : MessageWriter.program(this.#writes);
    return compiled(programText(writer, this.#reads === null ? '' : MessageReader.program(this.#reads)));
  }
}

let available: boolean | undefined;

function compiled(text: string): Program | null {
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- compiled code is what makes the transport worth its while: property names are constants in it
    return (new Function('unfit', text) as Compile)(unfit);
  } catch {
    return null;
  }
}

/** Writers run code of the caller, which may make calls of its own: each call puts back what it found. */
function programText(writer: string, reader: string): string {
  return `'use strict';
let scratch, bytes, view, size;
function grow(wanted) {
  if (!scratch.grow(wanted)) throw unfit;
  ({ bytes, view } = scratch);
  size = bytes.length;
}
${writerPrelude}
${writer}
const reader = (() => {
  let bytes, view, at;
  ${readerPrelude}
  ${reader || 'function read() {}'}
  return (from, over) => {
    bytes = from;
    view = over;
    return read();
  };
})();
return {
  write(into, args) {
    const scratch0 = scratch, bytes0 = bytes, view0 = view, size0 = size;
    scratch = into;
    ({ bytes, view } = into);
    size = bytes.length;
    try {
      return write(args);
    } finally {
      scratch = scratch0;
      bytes = bytes0;
      view = view0;
      size = size0;
    }
  },
  read: reader,
};`;
}
