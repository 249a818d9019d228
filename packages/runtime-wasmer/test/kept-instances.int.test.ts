import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { wasmer } from '@hotswap/runtime-wasmer';
import { beforeAll, expect, it, vi } from 'vitest';
import { wasmerProgram } from './wasmer-program.ts';

/** `(module (memory 1024) (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864))))` */
const filler = Buffer.from(
  '0061736d01000000010401600000030201000504010080080708010466696c6c00000a10010e00410041014180808020fc0b000b',
  'hex',
);
const filledBytes = 67_108_864;

let executable: string;
beforeAll(async () => {
  executable = await wasmerProgram();
}, 1_800_000);

/** Memory that the children of this process have now. */
async function residentBytes(): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=,args=', '--ppid', String(process.pid)]);
  const children = stdout.split('\n').filter((line) => line.includes(executable));
  return children.reduce((sum, line) => sum + Number.parseInt(line, 10) * 1_024, 0);
}

it('a kept instance gives its memory back when its idle time is over, though nobody calls it', async () => {
  await using host = await wasmer({ executable, processes: 1 });
  const reuse = { maxInstances: 1, maxCalls: 10, maxIdleTime: 'PT4S' };
  await using module = await host.load({ bytes: filler }, { runtime: { reuse } });
  await module.invoke('fill', []);
  expect(await residentBytes()).toBeGreaterThan(filledBytes);
  await vi.waitFor(async () => expect(await residentBytes()).toBeLessThan(filledBytes), {
    timeout: 60_000,
    interval: 250,
  });
}, 120_000);
