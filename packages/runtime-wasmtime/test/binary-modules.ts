/** An unsigned number as the binary format spells it. */
const unsigned = (value: number): number[] => {
  const out: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...out, rest];
    out.push((rest & 127) | 128);
  }
};
const section = (id: number, body: readonly number[]): number[] => [id, ...unsigned(body.length), ...body];
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** A valid empty module of exactly that size: the rest is one custom section. */
export function paddedModule(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  // The size of a section of some megabytes is spelled in four bytes; its name is empty.
  const length = sizeBytes - header.length - 5;
  bytes.set([...header, 0, ...unsigned(length), 0]);
  if (unsigned(length).length !== 4) throw new RangeError('between 2 MiB and 256 MiB');
  return bytes;
}

/** A module with that many pages of memory and a function `f` that does nothing. */
export function declaredMemory(pages: number): Uint8Array {
  return Uint8Array.from([
    ...header,
    ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(pages)]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, 2, 0, 0x0b]),
  ]);
}

/** A small valid module whose one function has so many locals and branches that compiling it takes gigabytes. */
export function manyLocals(locals: number, branches: number): Uint8Array {
  const code: number[] = [];
  for (let i = 0; i < branches; i += 1) {
    const [condition, from, to] = [i, i * 7, i * 13].map((place) => unsigned(place % locals)) as [
      number[],
      number[],
      number[],
    ];
    // local.get, if, local.get, local.set, end
    code.push(0x20, ...condition, 0x04, 0x40, 0x20, ...from, 0x21, ...to, 0x0b);
  }
  const whole = [1, ...unsigned(locals), 0x7f, ...code, 0x0b];
  return Uint8Array.from([
    ...header,
    ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, ...unsigned(whole.length), ...whole]),
  ]);
}

/** Numbers between 0 and 1 that are the same in each run with the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A copy with bytes changed, inserted, removed or moved, as a broken or hostile sender might. */
export function mutated(bytes: Uint8Array, random: () => number): Uint8Array {
  const at = (length: number): number => Math.floor(random() * length);
  const out = [...bytes];
  for (let edits = 1 + at(8); edits > 0; edits -= 1) {
    const place = at(out.length);
    const kind = at(6);
    if (kind === 0) out[place] = at(256);
    else if (kind === 1) out[place] = (out[place] ?? 0) ^ (1 << at(8));
    else if (kind === 2) out.splice(place, at(16));
    else if (kind === 3) out.splice(place, 0, ...Array.from({ length: at(16) }, () => at(256)));
    else if (kind === 4) out.splice(place, 0, ...out.slice(at(out.length), at(out.length)).slice(0, 64));
    else out[place] = [0x7f, 0xff, 0x80, 0x00, 0x40, 0x0b][at(6)] ?? 0;
  }
  return Uint8Array.from(out);
}

const componentHeader = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];
const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];
const name = (text: string): number[] => [...unsigned(text.length), ...bytesOf(text)];
/** A type by its index, spelled as the signed number that the format wants there. */
const typeIndex = (index: number): number[] => {
  const out: number[] = [];
  for (let rest = index; ; rest >>= 7) {
    const low = rest & 127;
    if (rest < 64) return [...out, low];
    out.push(low | 128);
  }
};

/** A component that imports a function whose parameter is the last of the types. */
function componentOfTypes(count: number, types: (index: number) => readonly number[]): Uint8Array {
  const body: number[] = [...unsigned(count + 1)];
  for (let index = 0; index < count; index += 1) for (const byte of types(index)) body.push(byte);
  // func (x: <last type>), no result
  for (const byte of [0x40, 1, ...name('x'), ...typeIndex(count - 1), 1, 0]) body.push(byte);
  const sections = [7, ...unsigned(body.length)];
  const imported = [1, 0, ...name('f'), 1, ...unsigned(count)];
  const bytes = new Uint8Array(componentHeader.length + sections.length + body.length + imported.length + 2);
  bytes.set(componentHeader);
  bytes.set(sections, componentHeader.length);
  bytes.set(body, componentHeader.length + sections.length);
  bytes.set([10, imported.length, ...imported], componentHeader.length + sections.length + body.length);
  return bytes;
}

/** `list<list<...>>`, so deep. */
export const nestedLists = (depth: number): Uint8Array =>
  componentOfTypes(depth, (index) => (index === 0 ? [0x70, 0x7d] : [0x70, ...typeIndex(index - 1)]));

/** `option<option<...>>`, so deep. */
export const nestedOptions = (depth: number): Uint8Array =>
  componentOfTypes(depth, (index) => (index === 0 ? [0x6b, 0x7d] : [0x6b, ...typeIndex(index - 1)]));

/** Tuples of two of the tuple before: the text doubles with each level. */
export const doublingTuples = (depth: number): Uint8Array =>
  componentOfTypes(depth, (index) =>
    index === 0 ? [0x6f, 2, 0x7d, 0x7d] : [0x6f, 2, ...typeIndex(index - 1), ...typeIndex(index - 1)],
  );

/** One tuple of so many items. */
export const wideTuple = (items: number): Uint8Array =>
  componentOfTypes(1, () => [0x6f, ...unsigned(items), ...new Uint8Array(items).fill(0x7d)]);

/** A component in a component in a component, so deep. */
export function nestedComponents(depth: number): Uint8Array {
  let inner: Uint8Array = Uint8Array.from(componentHeader);
  for (let level = 0; level < depth; level += 1) {
    const head = [...componentHeader, 4, ...unsigned(inner.length)];
    const outer = new Uint8Array(head.length + inner.length);
    outer.set(head);
    outer.set(inner, head.length);
    inner = outer;
  }
  return inner;
}
