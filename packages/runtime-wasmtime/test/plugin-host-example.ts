import { readFile } from 'node:fs/promises';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const [, , pathOfPlugin = ''] = process.argv;
const shelf = new Map([['greeting', 'Good morning']]);

/** A resource: the plugin holds a handle to it, and it is disposed of when the plugin lets go. */
class Bucket implements Disposable {
  readonly items = new Map<string, Uint8Array>();
  [Symbol.dispose](): void {
    console.log('a bucket of', this.items.size, 'was let go');
  }
}

await using host = await wasmtime();
await using plugin = await host.load(
  { bytes: await readFile(pathOfPlugin) },
  {
    imports: {
      'hotswap:plugin/host-api': {
        log: (message) => void console.log('plugin:', message),
        // May wait: the plugin's call waits with it, other calls go on. `payload` becomes the error case of the result.
        lookUp: async (key) => {
          const found = shelf.get(key as string);
          if (found !== undefined) return found;
          throw Object.assign(new Error('not on the shelf'), { payload: `no ${key as string} here` });
        },
        '[constructor]bucket': () => new Bucket() as never,
        '[method]bucket.put': (bucket, key, value) =>
          void (bucket as unknown as Bucket).items.set(key as string, value as Uint8Array),
        '[method]bucket.get': (bucket, key) => (bucket as unknown as Bucket).items.get(key as string),
        '[method]bucket.size': (bucket) => (bucket as unknown as Bucket).items.size,
        merge: (a) => a,
        revise: (note) => note,
        sum: (numbers) => (numbers as Float64Array).reduce((sum, each) => sum + each, 0),
        reverse: (bytes) => (bytes as Uint8Array).toReversed(),
        next: (after) => ((after as number | undefined) ?? 0) + 1,
        turn: (shape) => shape,
        countUp: (big) => (big as bigint) + 1n,
      },
      $root: { hostName: () => 'an example' },
    },
  },
);

console.log((await plugin.invoke('look-up', ['greeting'])).value);
await plugin.invoke('look-up', ['farewell']).catch((error: unknown) => {
  console.log((error as Error).cause);
});
console.log((await plugin.invoke('fill', ['shelf', 3])).value); // a fresh instance: its bucket goes with it

await using instance = await plugin.open(); // keeps its memory and what it holds
await instance.invoke('keep', ['mine']);
console.log((await instance.invoke('kept', ['name'])).value);
