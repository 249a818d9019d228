import { readFile } from 'node:fs/promises';
import { exampleModule } from '@hotswap/example-modules';
import { guestModule } from './guest-module.ts';

/** A module of the mix. */
export interface MixedModule {
  readonly kind: 'core' | 'component';
  /** Its health function and what that answers. */
  readonly health: { readonly name: string; readonly answer: unknown };
  /**
   * Its binary, good until another one is asked for: components are written over each other, because hundreds of 1 MB need
   * not be in memory at once, and what is made anew for each would be collected while loads are timed.
   */
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
  const named = namer(component);
  return Array.from({ length: count }, (_, at): MixedModule => {
    const isComponent = Math.floor(((at + 1) * components) / count) > Math.floor((at * components) / count);
    if (isComponent) {
      const bytes = (): Uint8Array<ArrayBuffer> => named(`mix-${at}`);
      return { kind: 'component', health: { name: 'health-check', answer: 'OK' }, bytes };
    }
    const shape = { offset: 5_000_000 + at, fillerFunctions: fillerFunctions[at % fillerFunctions.length] ?? 0 };
    const made = Uint8Array.from(guestModule(shape));
    return { kind: 'core', health: { name: 'health_check', answer: 1 }, bytes: () => made };
  });
}

/** The same component by other bytes: a section of its own at the end, which no engine reads. One buffer per length of the name. */
function namer(component: Uint8Array): (name: string) => Uint8Array<ArrayBuffer> {
  const buffers = new Map<number, Uint8Array<ArrayBuffer>>();
  return (name) => {
    const text = new TextEncoder().encode(name);
    let bytes = buffers.get(text.length);
    if (bytes === undefined) {
      bytes = new Uint8Array(component.length + 3 + text.length);
      bytes.set(component);
      bytes.set([0, text.length + 1, text.length], component.length);
      buffers.set(text.length, bytes);
    }
    bytes.set(text, component.length + 3);
    return bytes;
  };
}
