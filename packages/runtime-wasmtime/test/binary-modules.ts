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
