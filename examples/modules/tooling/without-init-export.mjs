// componentize-qjs 0.4 leaves the function that once loaded the script, `init`, exported from the finished component.
// Nobody outside may call it: it would replace the program. This takes the name away and keeps every index valid, by
// turning the export into a second alias of the same function.

const ALIAS_SECTION = 6;
const EXPORT_SECTION = 11;
const HEADER_SIZE = 8;
const FUNCTION_SORT = 0x01;
const PLAIN_NAME = 0x00;

function readUnsigned(bytes, start) {
  let value = 0;
  let offset = start;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[offset++];
    if (byte === undefined) throw new RangeError('the component ends in the middle of a number');
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, end: offset };
  }
}

/** The sections of a component, outermost level only: `start` is where the section's id stands. */
function readSections(bytes) {
  const sections = [];
  let start = HEADER_SIZE;
  while (start < bytes.length) {
    const size = readUnsigned(bytes, start + 1);
    const end = size.end + size.value;
    sections.push({ id: bytes[start], start, content: size.end, end });
    start = end;
  }
  return sections;
}

const INIT = Buffer.from([4, ...Buffer.from('init')]);

/** A section with one entry: the export of a function by the name `init`. */
function exportsOnlyInit(bytes, section) {
  const head = Buffer.from([1, PLAIN_NAME, ...INIT, FUNCTION_SORT]);
  return section.id === EXPORT_SECTION && head.equals(bytes.subarray(section.content, section.content + head.length));
}

/** A section with one entry: the alias of a function that an instance exports as `init`. */
function aliasesOnlyInit(bytes, section) {
  if (section?.id !== ALIAS_SECTION) return false;
  const startsRight = Buffer.from([1, FUNCTION_SORT, 0x00]).equals(
    bytes.subarray(section.content, section.content + 3),
  );
  return startsRight && INIT.equals(bytes.subarray(section.end - INIT.length, section.end));
}

/** The component without its root export `init`; unchanged if it has none. */
export function withoutInitExport(component) {
  const bytes = Buffer.from(component.buffer, component.byteOffset, component.byteLength);
  const sections = readSections(bytes);
  const index = sections.findIndex((section) => exportsOnlyInit(bytes, section));
  if (index < 0) return bytes;
  const [alias, exported] = [sections[index - 1], sections[index]];
  if (!aliasesOnlyInit(bytes, alias)) throw new RangeError('the export init is not where this toolchain puts it');
  const copyOfAlias = bytes.subarray(alias.start, alias.end);
  return Buffer.concat([bytes.subarray(0, exported.start), copyOfAlias, bytes.subarray(exported.end)]);
}
