// A valid module that is cheap to send and dear to compile (fault row F72): it must be killed at the compiler's CPU or
// memory limit, or refused by its size, and never hold up the process that serves.

const I32 = 0x7f;
const SECTION = { type: 1, function: 3, export: 7, code: 10 };

function unsigned(value) {
  const bytes = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

const section = (id, ...parts) => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([id]), unsigned(content.length), content]);
};

/** One `br_table` that jumps out of `depth` nested blocks by every depth in turn, `targets` times over. */
function branchTable(targets, depth) {
  const open = Buffer.from(Array.from({ length: depth }, () => [0x02, 0x40]).flat());
  const close = Buffer.from(new Array(depth).fill(0x0b));
  const labels = Array.from({ length: targets }, (_, index) => unsigned(index % depth));
  return Buffer.concat([open, Buffer.from([0x20, 0x00, 0x0e]), unsigned(targets), ...labels, unsigned(0), close]);
}

/** `x = x * 31 + local[k]`, over and over: many live values for the register allocator. */
function arithmetic(operations, locals) {
  const parts = [];
  for (let index = 0; index < operations; index++) {
    const local = 1 + (index % locals);
    parts.push(Buffer.from([0x20, 0x00, 0x41, 31, 0x6c, 0x20]), unsigned(local), Buffer.from([0x6a, 0x22]));
    parts.push(unsigned(1 + ((index * 7) % locals)), Buffer.from([0x21, 0x00]));
  }
  return Buffer.concat(parts);
}

/**
 * Makes the module. Size and cost grow with all four: the default is 2.5 MB, 100,000 functions are 25 MB, and 500
 * functions with a `branchTargets` of 65,000 (the most that engines commonly accept) are 33 MB.
 */
export function compileBomb({ functions = 10_000, operations = 20, locals = 16, branchTargets = 0 } = {}) {
  const jump = branchTargets > 0 ? branchTable(branchTargets, 64) : Buffer.alloc(0);
  const code = Buffer.concat([
    unsigned(1), // one group of locals
    unsigned(locals),
    Buffer.from([I32]),
    arithmetic(operations, locals),
    jump,
    Buffer.from([0x20, 0x00, 0x0b]), // local.get 0, end
  ]);
  const body = Buffer.concat([unsigned(code.length), code]);
  const bodies = Buffer.alloc(body.length * functions);
  for (let index = 0; index < functions; index++) body.copy(bodies, index * body.length);
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]),
      section(SECTION.type, Buffer.from([1, 0x60, 1, I32, 1, I32])),
      section(SECTION.function, unsigned(functions), Buffer.alloc(functions, 0)),
      section(SECTION.export, Buffer.from([1, 3]), Buffer.from('run'), Buffer.from([0x00, 0x00])),
      section(SECTION.code, unsigned(functions), bodies),
    ]),
  );
}
