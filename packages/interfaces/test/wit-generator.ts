import { createHash } from 'node:crypto';

/** A sequence of numbers that is the same for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `below` - 1. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.roll(items.length)] as Item;
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }
}

interface TypeModel {
  name: string;
  kind: 'record' | 'variant' | 'enum' | 'flags' | 'alias' | 'resource';
  members: { name: string; type: string | null }[];
  /** Of resources. */
  functions: FunctionModel[];
}

interface FunctionModel {
  name: string;
  prefix: '' | 'static ';
  params: { name: string; type: string }[];
  result: string | null;
}

interface InterfaceModel {
  name: string;
  uses: { from: string; name: string }[];
  types: TypeModel[];
  functions: FunctionModel[];
}

interface WorldModel {
  imports: string[];
  exports: string[];
  importFunctions: FunctionModel[];
  exportFunctions: FunctionModel[];
}

/** A package that can be changed and printed. */
export interface PackageModel {
  version: string;
  interfaces: InterfaceModel[];
  world: WorldModel;
}

const plain = ['bool', 'u8', 'u16', 'u32', 'u64', 's32', 's64', 'f32', 'f64', 'char', 'string'];
const words = ['size', 'image', 'code', 'mode', 'width', 'name', 'rate', 'limit', 'entry', 'state', 'color', 'owner'];
let serial = 0;

const fresh = (dice: Dice): string => `${dice.pick(words)}${serial++ % 1000}`;

/** A random package with one world `w`. */
export function generatePackage(dice: Dice): PackageModel {
  serial = 0;
  const count = 1 + dice.roll(3);
  const interfaces: InterfaceModel[] = [];
  for (let i = 0; i < count; i++) interfaces.push(generateInterface(dice, `iface${i}`, interfaces));
  const names = interfaces.map(({ name }) => name);
  const exports = names.filter(() => dice.chance(70));
  return {
    version: '1.0.0',
    interfaces,
    world: {
      exports,
      imports: names.filter((name) => (exports.includes(name) ? dice.chance(15) : dice.chance(60))),
      importFunctions: dice.chance(25) ? [generateFunction(dice, [])] : [],
      exportFunctions: dice.chance(40) ? [generateFunction(dice, [])] : [],
    },
  };
}

function generateInterface(dice: Dice, name: string, before: readonly InterfaceModel[]): InterfaceModel {
  const made: InterfaceModel = { name, uses: [], types: [], functions: [] };
  for (const other of before) {
    const [first] = other.types;
    if (first !== undefined && dice.chance(50)) made.uses.push({ from: other.name, name: first.name });
  }
  for (let i = dice.roll(4); i > 0; i--) made.types.push(generateType(dice, made));
  for (let i = dice.roll(4); i > 0; i--) made.functions.push(generateFunction(dice, namesOf(made)));
  return made;
}

const namesOf = (of: InterfaceModel): string[] => [...of.uses, ...of.types].map(({ name }) => name);
const isResource = (of: InterfaceModel, name: string): boolean =>
  of.types.some((type) => type.name === name && type.kind === 'resource');

function generateType(dice: Dice, within: InterfaceModel): TypeModel {
  const name = fresh(dice);
  const kind = dice.pick(['record', 'record', 'variant', 'enum', 'flags', 'alias', 'resource'] as const);
  const known = namesOf(within).filter((each) => !isResource(within, each));
  const count = 1 + dice.roll(3);
  const members = Array.from({ length: count }, () => generateMember(dice, kind, known));
  const functions =
    kind === 'resource'
      ? members.map(() => ({ ...generateFunction(dice, known), prefix: dice.pick(['', 'static '] as const) }))
      : [];
  return { name, kind, members, functions };
}

function generateMember(dice: Dice, kind: TypeModel['kind'], known: readonly string[]): TypeModel['members'][number] {
  const untyped = kind === 'enum' || kind === 'flags' || (kind === 'variant' && dice.chance(40));
  return { name: fresh(dice), type: untyped ? null : generateTypeText(dice, known, 2) };
}

function generateFunction(dice: Dice, known: readonly string[]): FunctionModel {
  const params = Array.from({ length: dice.roll(4) }, () => ({
    name: fresh(dice),
    type: generateTypeText(dice, known, 2),
  }));
  return { name: fresh(dice), prefix: '', params, result: dice.chance(70) ? generateTypeText(dice, known, 2) : null };
}

function generateTypeText(dice: Dice, known: readonly string[], depth: number): string {
  if (known.length > 0 && dice.chance(45)) return dice.pick(known);
  if (depth === 0 || dice.chance(55)) return dice.pick(plain);
  const inner = (): string => generateTypeText(dice, known, depth - 1);
  switch (dice.roll(5)) {
    case 0:
      return `list<${inner()}>`;
    case 1:
      return `option<${inner()}>`;
    case 2:
      return dice.pick([`result<${inner()}>`, `result<_, ${inner()}>`, `result<${inner()}, ${inner()}>`, 'result']);
    case 3:
      return `tuple<${inner()}, ${inner()}>`;
    default:
      return `list<u8>`;
  }
}

/** A changed copy; now and then nothing changes. */
export function mutatePackage(dice: Dice, before: PackageModel): PackageModel {
  const after = structuredClone(before);
  after.version = '1.1.0';
  for (let i = dice.pick([0, 1, 1, 1, 2, 3]); i > 0; i--) mutateOnce(dice, after);
  return after;
}

function mutateOnce(dice: Dice, on: PackageModel): void {
  const where = dice.pick(on.interfaces);
  const functions = [...where.functions, ...where.types.flatMap((type) => type.functions), ...on.world.exportFunctions];
  const roll = dice.roll(12);
  if (roll < 4 && functions.length > 0) mutateFunction(dice, dice.pick(functions), roll < 2 ? namesOf(where) : []);
  else if (roll < 7 && where.types.length > 0) mutateType(dice, where, dice.pick(where.types));
  else if (roll === 7) where.functions.push(generateFunction(dice, namesOf(where)));
  else if (roll === 8) where.functions.splice(dice.roll(Math.max(1, where.functions.length)), 1);
  else if (roll === 9) where.types.push(generateType(dice, where));
  else mutateWorld(dice, on);
}

function mutateFunction(dice: Dice, on: FunctionModel, known: readonly string[]): void {
  const at = dice.roll(Math.max(1, on.params.length));
  const param = on.params[at];
  switch (dice.roll(6)) {
    case 0:
      on.params.push({ name: fresh(dice), type: generateTypeText(dice, known, 1) });
      break;
    case 1:
      on.params.splice(at, 1);
      break;
    case 2:
      if (param !== undefined) param.name = fresh(dice);
      break;
    case 3:
      if (param !== undefined) param.type = generateTypeText(dice, known, 1);
      break;
    case 4:
      on.params.reverse();
      break;
    default:
      on.result = dice.chance(30) ? null : generateTypeText(dice, known, 1);
  }
}

function mutateType(dice: Dice, where: InterfaceModel, on: TypeModel): void {
  const at = dice.roll(Math.max(1, on.members.length));
  const known = namesOf(where)
    .slice(0, namesOf(where).indexOf(on.name))
    .filter((each) => !isResource(where, each));
  if (on.kind === 'resource') {
    if (dice.chance(50)) on.functions.push(generateFunction(dice, []));
    else on.functions.splice(at, 1);
    return;
  }
  switch (dice.roll(4)) {
    case 0:
      if (on.kind !== 'alias') on.members.push(generateMember(dice, on.kind, known));
      break;
    case 1:
      if (on.members.length > 1 && on.kind !== 'alias') on.members.splice(at, 1);
      break;
    case 2:
      if (on.kind !== 'alias') on.members.reverse();
      break;
    default: {
      const member = on.members[at];
      if (member !== undefined && member.type !== null) member.type = generateTypeText(dice, known, 1);
    }
  }
}

function mutateWorld(dice: Dice, on: PackageModel): void {
  const side = dice.pick(['imports', 'exports'] as const);
  const { world } = on;
  const { name } = dice.pick(on.interfaces);
  switch (dice.roll(4)) {
    case 0:
      world[side] = world[side].filter((each) => each !== name);
      break;
    case 1:
      if (!world[side].includes(name)) world[side].push(name);
      break;
    case 2:
      world[side === 'imports' ? 'importFunctions' : 'exportFunctions'].push(generateFunction(dice, []));
      break;
    default:
      world[side === 'imports' ? 'importFunctions' : 'exportFunctions'].pop();
  }
}

/** The package as WIT text. */
export function printPackage({ version, interfaces, world }: PackageModel): string {
  const lines = [`package t:p@${version};`, ''];
  for (const each of interfaces) lines.push(...printInterface(each), '');
  lines.push('world w {');
  for (const name of world.imports) lines.push(`  import ${name};`);
  for (const each of world.importFunctions) lines.push(`  import ${printFunction(each)}`);
  for (const name of world.exports) lines.push(`  export ${name};`);
  for (const each of world.exportFunctions) lines.push(`  export ${printFunction(each)}`);
  return [...lines, '}', ''].join('\n');
}

function printInterface({ name, uses, types, functions }: InterfaceModel): string[] {
  const body = [
    ...uses.map((use) => `use ${use.from}.{${use.name}};`),
    ...types.map(printType),
    ...functions.map(printFunction),
  ];
  return [`interface ${name} {`, ...body.map((line) => `  ${line}`), '}'];
}

function printFunction({ name, prefix, params, result }: FunctionModel): string {
  const inputs = params.map((param) => `${param.name}: ${param.type}`).join(', ');
  return `${name}: ${prefix}func(${inputs})${result === null ? '' : ` -> ${result}`};`;
}

function printType({ name, kind, members, functions }: TypeModel): string {
  if (kind === 'alias') return `type ${name} = ${members[0]?.type ?? 'u32'};`;
  if (kind === 'resource') return `resource ${name} { ${functions.map(printFunction).join(' ')} }`;
  const inner = members.map((member) => {
    if (member.type === null) return member.name;
    return kind === 'record' ? `${member.name}: ${member.type}` : `${member.name}(${member.type})`;
  });
  return `${kind} ${name} { ${inner.join(', ')} }`;
}

/** The same pair for the same seed. */
export function pairOfSeed(seed: number): { readonly old: string; readonly new: string } {
  const dice = new Dice(seed);
  const before = generatePackage(dice);
  return { old: printPackage(before), new: printPackage(mutatePackage(dice, before)) };
}

/**
 * A pair in which interfaces share a resource and the one that defines it may change sides of the world. The same for the
 * same seed.
 */
export function movedPairOfSeed(seed: number): { readonly old: string; readonly new: string } {
  const dice = new Dice(seed);
  const before = shareResource(dice, generatePackage(dice));
  const after = structuredClone(before);
  after.version = '1.1.0';
  placeOwner(dice, after);
  if (dice.chance(25)) mutateOnce(dice, after);
  return { old: printPackage(before), new: printPackage(after) };
}

/** The first interface defines a resource; others, of which there is one at least, mostly use it. */
function shareResource(dice: Dice, on: PackageModel): PackageModel {
  const [owner] = on.interfaces as [InterfaceModel];
  const name = fresh(dice);
  owner.types.unshift({ name, kind: 'resource', members: [], functions: [generateFunction(dice, [])] });
  if (on.interfaces.length === 1) on.interfaces.push(generateInterface(dice, 'iface1', []));
  for (const user of on.interfaces.slice(1)) {
    user.uses = user.uses.filter((use) => use.from !== owner.name);
    if (dice.chance(20)) continue;
    user.uses.push({ from: owner.name, name });
    const type = dice.pick([name, `borrow<${name}>`, `list<${name}>`]);
    if (dice.chance(40)) user.functions.push({ ...generateFunction(dice, []), params: [{ name: fresh(dice), type }] });
    if (dice.chance(30))
      user.types.push({ name: fresh(dice), kind: 'record', members: [{ name: 'of', type: name }], functions: [] });
  }
  const others = on.interfaces.slice(1).map((each) => each.name);
  on.world.exports = others.filter(() => dice.chance(80));
  on.world.imports = others.filter((each) => !on.world.exports.includes(each) && dice.chance(50));
  placeOwner(dice, on);
  return on;
}

/** The first interface stands on either side of the world, on both, or where others need it. */
function placeOwner(dice: Dice, { interfaces, world }: PackageModel): void {
  const owner = interfaces[0]?.name ?? '';
  const sides = dice.pick(['', 'i', 'e', 'e', 'ie']);
  for (const side of ['imports', 'exports'] as const) {
    world[side] = world[side].filter((each) => each !== owner);
    if (sides.includes(side.charAt(0))) world[side].unshift(owner);
  }
}

/** Tells whether a pair is still the one that was judged. */
export function pairHash(pair: { readonly old: string; readonly new: string }): string {
  return createHash('sha256').update(`${pair.old}\0${pair.new}`).digest('hex').slice(0, 12);
}
