import type { RuntimeCapabilities } from '@hotswap/core';
import { wasmedgeCapabilities } from '@hotswap/runtime-wasmedge';
import { wasmerCapabilities } from '@hotswap/runtime-wasmer';
import { wasmtimeCapabilities, wasmtimeExperiments } from '@hotswap/runtime-wasmtime';
import { table } from './markdown.ts';

const engines: readonly (readonly [string, RuntimeCapabilities])[] = [
  // What may be switched on is worth knowing to who chooses; the rest of the column is what stands without.
  ['Wasmtime', { ...wasmtimeCapabilities, experimental: wasmtimeExperiments }],
  ['WasmEdge', wasmedgeCapabilities],
  ['Wasmer', wasmerCapabilities],
];

/** What a capability means to who chooses, in the order of the table. Every key has to have a row. */
const meanings: Readonly<Record<keyof RuntimeCapabilities, string>> = {
  components: 'components (WIT types, interfaces)',
  wasi: 'WASI',
  experimental: 'experimental, by option',
  http: 'modules answer HTTP on native threads',
  outgoingHttp: 'modules send HTTP requests, under policy',
  sockets: 'modules open sockets, under policy',
  hostFunctions: 'JavaScript functions satisfy imports',
  cpuLimit: 'endless loops are ended',
  memoryLimit: 'memory is limited',
  fuel: 'fuel is counted and limited',
  boundedCompilation: 'compilation is bounded in time and memory',
  simd: 'SIMD, and refusing it',
  instanceReuse: 'instances kept between calls',
  statefulInstances: 'open instances with a state of their own',
  moduleState: 'state moves to the next version',
  moduleMetrics: 'metrics that modules report',
  pooling: 'pool of preallocated instances',
  aotCache: 'compiled code is kept on disk',
  synchronous: 'calls on the calling thread',
  backtraces: 'traps carry the guest’s call stack',
};

function cell(value: RuntimeCapabilities[keyof RuntimeCapabilities]): string {
  if (typeof value === 'boolean') return value ? 'yes' : '-';
  return value.length === 0 ? '-' : value.map((level) => level.replace('preview', 'preview ')).join(', ');
}

/** What each engine declares, as a table. */
export function engineTable(): string {
  const keys = Object.keys(meanings) as (keyof RuntimeCapabilities)[];
  return table(
    ['', ...engines.map(([name]) => name)],
    keys.map((key) => [meanings[key], ...engines.map(([, capabilities]) => cell(capabilities[key]))]),
  );
}
