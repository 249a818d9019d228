import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';

const runner = fileURLToPath(new URL('scenarios/run-inherited.ts', import.meta.url));

/** Runs a command with the streams of a process of its own, as `hotswap run` does. */
async function runInherited(
  name: string,
  args: readonly string[],
  stdin: string,
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(
    process.execPath,
    ['--conditions=@hotswap/source', '--no-warnings', runner, exampleModule(name).path, ...args],
    { stdio: 'pipe' },
  );
  const collect = async (stream: NodeJS.ReadableStream): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };
  child.stdin.end(stdin);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    once(child, 'exit'),
  ]);
  return { exitCode: exitCode as number, stdout, stderr };
}

describe.each(['wasi-command', 'wasi-command-component'])('%s with the streams of its process', (name) => {
  beforeAll(async () => {
    await buildExampleModules();
  });

  it('reads and writes them, and its exit code becomes that of the process', async () => {
    const lines = 5_000;
    const { exitCode, stdout, stderr } = await runInherited(
      name,
      ['a b', '--exit=7'],
      'grüße aus der Ferne\n'.repeat(lines),
    );
    const [first, second, ...copied] = stdout.split('\n');
    expect([first, second, copied.length]).toEqual(['arg: a b', 'arg: --exit=7', lines + 1]);
    expect(new Set(copied)).toEqual(new Set(['GRüßE AUS DER FERNE', '']));
    expect(stderr).toBe('done\n');
    expect(exitCode).toBe(name === 'wasi-command' ? 7 : 1);
  });
});
