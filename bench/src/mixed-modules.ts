import { readFile } from 'node:fs/promises';
import { exampleModule } from '@hotswap/example-modules';
import { guestModule } from './guest-module.ts';

/** A module of the mix. Components are made when they are asked for: hundreds of 1 MB need not be in memory at once. */
export interface MixedModule {
  readonly kind: 'core' | 'component';
  /** Its health function and what that answers. */
  readonly health: { readonly name: string; readonly answer: unknown };
  bytes(): Uint8Array<ArrayBuffer>;
}

/** From 0.1 to 96 kB. */
const fillerFunctions = [0, 50, 200, 500, 780];

/**
 * `count` modules that differ from each other, `components` of them real components of 1.1 MB (TypeScript with its
 * JavaScript engine inside), spread evenly; the others are core modules of 0.1 to 96 kB.
 */
export async function mixedModules(count: number, components: number): Promise<readonly MixedModule[]> {
  const component = await readFile(exampleModule('greeter').path);
  return Array.from({ length: count }, (_, at): MixedModule => {
    const isComponent = Math.floor(((at + 1) * components) / count) > Math.floor((at * components) / count);
    if (isComponent) {
      const bytes = (): Uint8Array<ArrayBuffer> => named(component, `mix-${at}`);
      return { kind: 'component', health: { name: 'health-check', answer: 'OK' }, bytes };
    }
    const shape = { offset: 5_000_000 + at, fillerFunctions: fillerFunctions[at % fillerFunctions.length] ?? 0 };
    const made = Uint8Array.from(guestModule(shape));
    return { kind: 'core', health: { name: 'health_check', answer: 1 }, bytes: () => made };
  });
}

/** The same component by other bytes: a section of its own at the end, which no engine reads. */
function named(component: Uint8Array, text: string): Uint8Array<ArrayBuffer> {
  const name = Buffer.from(text);
  return new Uint8Array(Buffer.concat([component, Uint8Array.of(0, name.length + 1, name.length), name]));
}
