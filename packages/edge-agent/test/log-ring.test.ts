import type { NodeLogLine } from '@hotswap/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogRing, type LogReading } from '../src/log/log-ring.ts';

const id = '0badcafe';
const plenty = { id, maxBytes: 1_000_000, maxLines: 10_000 };

function write(ring: LogRing, moduleName: string, text: string): void {
  ring.append({ at: 0, moduleName, releaseId: null, version: null, level: 'info', stream: 'stdout', text });
}

function textsOf(lines: readonly NodeLogLine[]): readonly string[] {
  return lines.map(({ text }) => text);
}

/** Reads in pieces until there is no more. */
function readAll(
  ring: LogRing,
  reading: LogReading,
): { readonly lines: readonly NodeLogLine[]; readonly lost: number } {
  const lines: NodeLogLine[] = [];
  let lost = 0;
  for (let { after } = reading; ;) {
    const batch = ring.read({ ...reading, after });
    lines.push(...batch.lines);
    lost += batch.lost?.lines ?? 0;
    after = batch.next;
    if (!batch.hasMore) return { lines, lost };
  }
}

describe('LogRing', () => {
  it('gives lines back in the order in which they were written, of all modules or of one', () => {
    const ring = new LogRing(plenty);
    for (const [module, text] of ['a1', 'b1', 'a2', 'a3', 'b2'].map((text) => [text.charAt(0), text] as const))
      write(ring, module, text);
    expect(textsOf(ring.read({ limit: 10 }).lines)).toEqual(['a1', 'b1', 'a2', 'a3', 'b2']);
    expect(textsOf(ring.read({ limit: 10, module: 'b' }).lines)).toEqual(['b1', 'b2']);
    expect(ring.read({ limit: 10, module: 'nobody' })).toEqual({ lines: [], next: `${id}.m0`, hasMore: false });
  });

  it('begins with the last lines where a tail is asked for, and goes on after a position without it', () => {
    const ring = new LogRing(plenty);
    for (let i = 1; i <= 9; i++) write(ring, 'a', `a${i}`);
    const tail = ring.read({ limit: 10, tail: 2 });
    expect(textsOf(tail.lines)).toEqual(['a8', 'a9']);
    expect(textsOf(ring.read({ limit: 10, tail: 0 }).lines)).toEqual([]);
    write(ring, 'a', 'a10');
    expect(textsOf(ring.read({ limit: 10, tail: 0, after: tail.next }).lines)).toEqual(['a10']);
    expect(tail.lost).toBeUndefined();
  });

  it('tells a reader that comes with a position of another start, or of another kind, that it begins anew', () => {
    const ring = new LogRing(plenty);
    write(ring, 'a', 'a1');
    for (const after of ['deadbeef.n1', `${id}.m1`, `${id}.n2`]) {
      const batch = ring.read({ limit: 10, after });
      expect(batch.lost).toEqual({ reason: 'restarted', lines: null });
      expect(textsOf(batch.lines)).toEqual(['a1']);
    }
  });

  it('takes nothing from a module that holds less than its share, however much another one writes', () => {
    const ring = new LogRing({ id, maxBytes: 1_000_000, maxLines: 100 });
    for (let i = 0; i < 20; i++) write(ring, 'quiet', `quiet ${i}`);
    for (let i = 0; i < 5_000; i++) write(ring, 'noisy', `noisy ${i}`);
    expect(ring.read({ limit: 1_000, module: 'quiet' }).lines).toHaveLength(20);
    expect(ring.read({ limit: 1_000, module: 'noisy' }).lines).toHaveLength(80);
  });

  it('sends no more than was asked for at a time, and a long line all the same', () => {
    const ring = new LogRing({ ...plenty, maxBytes: 100_000_000 });
    for (let i = 0; i < 3; i++) write(ring, 'a', 'x'.repeat(1_000_000));
    const first = ring.read({ limit: 10 });
    expect([first.lines.length, first.hasMore]).toEqual([1, true]);
    expect(readAll(ring, { limit: 10 }).lines).toHaveLength(3);
  });

  const moduleName = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ write: moduleName, chars: fc.integer({ min: 0, max: 300 }) }) },
    { weight: 1, arbitrary: fc.record({ read: fc.option(moduleName, { nil: undefined }) }) },
  );

  it('stays within its bounds, and every line that was written is read once or counted as lost', () => {
    const limits = fc.record({
      maxBytes: fc.integer({ min: 1_000, max: 8_000 }),
      maxLines: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(
        limits,
        fc.array(step, { maxLength: 150 }),
        fc.integer({ min: 1, max: 7 }),
        (bounds, steps, limit) => {
          const ring = new LogRing({ id, ...bounds });
          const readers = new Map<string | undefined, { after: string; read: string[]; lost: number }>();
          for (const module of [undefined, 'a', 'b', 'c'])
            readers.set(module, { after: `${id}.${module === undefined ? 'n' : 'm'}0`, read: [], lost: 0 });
          const written: { readonly module: string; readonly text: string }[] = [];
          const readOn = (module: string | undefined): void => {
            const reader = readers.get(module);
            if (reader === undefined) return;
            const { lines, lost } = readAll(ring, { module, after: reader.after, limit });
            reader.read.push(...textsOf(lines));
            reader.lost += lost;
            reader.after = ring.read({ module, after: lines.at(-1)?.id ?? reader.after, limit: 1_000 }).next;
          };
          for (const [at, one] of steps.entries()) {
            if ('read' in one) readOn(one.read);
            else {
              const text = `${at}:${'x'.repeat(one.chars)}`;
              written.push({ module: one.write, text });
              write(ring, one.write, text);
              expect(ring.lineCount).toBeLessThanOrEqual(bounds.maxLines);
              expect(ring.sizeBytes).toBeLessThanOrEqual(bounds.maxBytes);
            }
          }
          for (const module of readers.keys()) readOn(module);
          for (const [module, { read, lost }] of readers) {
            const all = written.filter((one) => module === undefined || one.module === module).map(({ text }) => text);
            expect(read.length + lost).toBe(all.length);
            expect(read).toEqual(all.filter((text) => read.includes(text)));
          }
        },
      ),
    );
  });

  it('goes on for a reader from any line that it was sent', () => {
    fc.assert(
      fc.property(fc.array(moduleName, { minLength: 1, maxLength: 40 }), fc.nat(), (modules, pick) => {
        const ring = new LogRing(plenty);
        for (const [at, module] of modules.entries()) write(ring, module, String(at));
        const { lines } = ring.read({ limit: 1_000 });
        const at = pick % lines.length;
        expect(textsOf(ring.read({ limit: 1_000, after: lines[at]?.id }).lines)).toEqual(textsOf(lines.slice(at + 1)));
      }),
    );
  });
});
