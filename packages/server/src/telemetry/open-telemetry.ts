import { openTracer, type OtlpTracer } from '@hotswap/telemetry';
import type { Logger } from 'pino';
import type { ServerConfig } from '../config/schema.ts';
import type { Telemetry } from '../server-parts.ts';
import { serverVersion } from '../server-version.ts';
import { ServerMetrics } from './server-metrics.ts';

/** What measures and traces. Without a receiver there is no tracer, and nothing of it is loaded. @internal */
export async function openTelemetry(config: ServerConfig, logger: Logger): Promise<Telemetry & AsyncDisposable> {
  const tracer = await openTracing(config, logger);
  return {
    metrics: new ServerMetrics(),
    tracer,
    [Symbol.asyncDispose]: async () => tracer?.[Symbol.asyncDispose](),
  };
}

async function openTracing(
  { otlpEndpoint: endpoint, traceSampleRatio: sampleRatio, instanceId: instance }: ServerConfig,
  logger: Logger,
): Promise<OtlpTracer | null> {
  if (endpoint === undefined) return null;
  return openTracer({
    ...{ endpoint, instance, sampleRatio, service: 'wasm-orchestrator', version: serverVersion },
    onError: (error) => logger.warn({ err: error }, 'traces could not be delivered and are lost'),
  });
}
