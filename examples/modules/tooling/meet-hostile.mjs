// Meets a hostile module on any runtime host, and holds what came of it against what should.
import { readFile } from 'node:fs/promises';

const limits = { maxMemoryMB: 32, maxExecutionTime: 'PT0.4S' };

/** What an engine in a child may say in place of what an engine in this process says. */
const alsoFine = [
  // WebAssembly 2.0 and core modules only.
  'HS_RUNTIME_UNSUPPORTED',
  // The child's memory limit, or its stack: the child is what is lost.
  'HS_RUNTIME_CRASHED',
  'HS_RUNTIME_TIMEOUT',
];

async function meet(host, { path, kind, function: name, args = [] }) {
  let module;
  try {
    module = await host.load({ bytes: await readFile(path) }, { limits });
    if (kind === 'wasi-command') return `exit ${(await module.run()).exitCode}`;
    await module.invoke(name ?? 'run', args);
    return 'answer';
  } catch (error) {
    if (typeof error.code === 'string' && error.code.startsWith('HS_')) return error.code;
    throw error;
  } finally {
    await module?.[Symbol.asyncDispose]();
  }
}

export async function unexpectedInChild(host, hostile) {
  const { expected } = hostile;
  const got = await meet(host, hostile);
  const wanted =
    expected.outcome === 'error'
      ? expected.codes
      : [expected.outcome === 'exit' ? `exit ${String(expected.exitCode)}` : 'answer'];
  return wanted.includes(got) || alsoFine.includes(got) ? undefined : `${hostile.id}: ${got}`;
}
