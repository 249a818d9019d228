import { existsSync, readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCli } from '@hotswap/cli';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const guide = readFileSync(at('docs/guides/checklists.md'), 'utf8');
/** Lines of a section. */
const section = (title: string): string => guide.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';

describe('the checklists', () => {
  it.each(['Before a deployment', 'After a deployment', 'Daily', 'Weekly', 'Monthly'])('are there: %s', (title) => {
    expect(section(title).match(/^- \[ \] /gm)?.length ?? 0).toBeGreaterThanOrEqual(4);
  });

  it('name who is told within which time', () => {
    const rows = [...section('Who is told, and how soon').matchAll(/^\| (P\d) \| [^|]+ \| ([^|]+) \|/gm)];
    expect(rows.map(([, priority, time]) => [priority, time])).toEqual([
      ['P1', '15 minutes'],
      ['P2', '1 hour'],
      ['P3', '24 hours'],
    ]);
  });

  it('name commands and scripts that there are', async () => {
    const commands = new Set([...guide.matchAll(/`hotswap ([a-z]+(?: [a-z]+)?)/g)].map(([, words = '']) => words));
    expect(commands.size).toBeGreaterThan(12);
    for (const words of commands) expect(await helpOf(words.split(' ')), words).toContain(`Usage: hotswap ${words}`);
    for (const [path] of guide.matchAll(/deploy\/scripts\/[\w-]+\.sh/g)) expect(existsSync(at(path)), path).toBe(true);
  });
});

async function helpOf(words: readonly string[]): Promise<string> {
  let told = '';
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      told += chunk.toString('utf8');
      done();
    },
  });
  await runCli([...words, '--help'], { stdout, stderr: stdout, env: {}, signal: new AbortController().signal, fetch });
  return told;
}
