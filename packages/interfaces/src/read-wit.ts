import { packageKey } from './package-key.ts';
import { parseWit } from './parse-wit.ts';
import type { WitDocument } from './wit-document.ts';
import { WitResolver } from './wit-resolver.ts';
import type { SyntaxPackage } from './wit-syntax.ts';

/** How a text is read. @public */
export interface ReadWitOptions {
  /** Texts of packages that it refers to besides those nested in it. Default: none. */
  readonly dependencies?: readonly string[];
}

/**
 * Reads WIT text, as written by people or printed from a component, and looks every name up. All items are taken, those
 * behind `@unstable` too.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE
 * @public
 */
export function readWit(text: string, options: ReadWitOptions = {}): WitDocument {
  const resolver = new WitResolver();
  const [root, ...others] = packagesOf(parseWit(text));
  for (const one of [root, ...others]) resolver.add(one, text, 'refuse');
  for (const dependency of options.dependencies ?? []) {
    for (const one of packagesOf(parseWit(dependency))) resolver.add(one, dependency, 'keep');
  }
  return resolver.resolve(root);
}

/**
 * Packages that a text refers to and does not contain, as `ns:name@version`, `ns:name` without one.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE
 * @public
 */
export function missingPackages(text: string): readonly string[] {
  const all = packagesOf(parseWit(text));
  const present = new Set(all.flatMap(({ name, version }) => [packageKey(name, version), packageKey(name, null)]));
  const missing = new Set<string>();
  for (const one of all) {
    for (const { packageName, version } of pathsOf(one)) {
      const key = packageKey(packageName, version);
      if (packageName !== null && !present.has(key)) missing.add(key);
    }
  }
  return [...missing];
}

/**
 * Name and version of the package that a text is about, as it says them.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE
 * @public
 */
export function packageOf(text: string): { readonly name: string | null; readonly version: string | null } {
  const [{ name, version }] = packagesOf(parseWit(text));
  return { name, version };
}

/** The package that a text is about first: the one its heading names, or the first nested one. */
function packagesOf(syntax: SyntaxPackage): readonly [SyntaxPackage, ...SyntaxPackage[]] {
  const nested = syntax.nested.flatMap((each) => packagesOf(each));
  const [first, ...others] = nested;
  const isShell = syntax.name === null && syntax.interfaces.length + syntax.worlds.length === 0;
  return isShell && first !== undefined ? [first, ...others] : [syntax, ...nested];
}

function pathsOf(
  one: SyntaxPackage,
): readonly { readonly packageName: string | null; readonly version: string | null }[] {
  const externs = one.worlds.flatMap((world) => [...world.imports, ...world.exports]);
  const inline = externs.filter((extern) => extern.kind === 'interface').map(({ body }) => body);
  const uses = [...one.interfaces, ...inline, ...one.worlds].flatMap((each) => each.uses.map(({ from }) => from));
  return [
    ...uses,
    ...one.aliases.map(({ path }) => path),
    ...externs.filter((extern) => extern.kind === 'path').map(({ path }) => path),
    ...one.worlds.flatMap((world) => world.includes.map(({ from }) => from)),
  ];
}
