import type { RuntimeCapabilities } from '@hotswap/core';
import process from 'node:process';
import type { EngineCapabilities } from './child-messages.ts';

/**
 * What an engine in a child can do, by what the engine itself adds to it.
 * @public
 */
export function childCapabilities({ wasi, fuel, backtraces }: EngineCapabilities): RuntimeCapabilities {
  return {
    components: false,
    wasi,
    experimental: [],
    synchronous: false,
    cpuLimit: true,
    memoryLimit: true,
    fuel,
    pooling: false,
    backtraces,
    aotCache: false,
    statefulInstances: true,
    http: false,
    outgoingHttp: false,
    sockets: false,
    hostFunctions: false,
    instanceReuse: true,
    moduleState: false,
    moduleMetrics: false,
    // Time everywhere, memory by a limit that only Linux has.
    boundedCompilation: process.platform === 'linux',
    simd: true,
  };
}
