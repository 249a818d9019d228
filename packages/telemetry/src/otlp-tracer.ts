import type { SpanStart, Tracer, TraceSpan } from '@hotswap/core';
import type * as OpenTelemetry from '@opentelemetry/api';
import type { Context, Span, SpanContext, Tracer as SdkTracer } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/** Where traces go, and whose they are. @public */
export interface TracingOptions {
  /** Base URL of an OTLP receiver; `/v1/traces` is added unless it is there. */
  readonly endpoint: string;
  /** `service.name` of all spans. */
  readonly service: string;
  /** `service.instance.id`: tells replicas and nodes apart. */
  readonly instance: string;
  readonly version: string;
  /** Share of what comes without a caller's trace, 0 to 1. Default 1. */
  readonly sampleRatio?: number;
  /** Longest time that a span waits for others to go out with it. Default 2,000. */
  readonly flushIntervalMs?: number;
  /** Called with spans that could not be delivered; they are lost. Default: nobody is told. */
  readonly onError?: (error: unknown) => void;
}

/** A tracer that sends spans to an OTLP receiver. @public */
export interface OtlpTracer extends Tracer, AsyncDisposable {
  /** Sends what waits. */
  flush(): Promise<void>;
}

type Api = typeof OpenTelemetry;

/**
 * Opens a tracer over OTLP/HTTP. OpenTelemetry is loaded here and not before: a program that traces nothing does without.
 * Nothing of it is registered globally.
 * @public
 */
export async function openTracer(options: TracingOptions): Promise<OtlpTracer> {
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  const exporter = new OTLPTraceExporter({ url: receiverOf(options.endpoint), timeoutMillis: 5_000 });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.service,
      'service.instance.id': options.instance,
      'service.version': options.version,
    }),
    sampler: new sdk.AlwaysOnSampler(),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: told(exporter, options.onError),
        scheduledDelayMillis: options.flushIntervalMs ?? 2_000,
        exportTimeoutMillis: 5_000,
      }),
    ],
  });
  return new SdkBackedTracer(api, provider, options.sampleRatio ?? 1);
}

/** A receiver's own path stays as it is. */
function receiverOf(endpoint: string): string {
  const base = endpoint.replace(/\/+$/, '');
  return base.endsWith('/v1/traces') ? base : `${base}/v1/traces`;
}

function told(exporter: SpanExporter, onError: TracingOptions['onError']): SpanExporter {
  return {
    export: (spans: ReadableSpan[], done) =>
      exporter.export(spans, (result) => {
        if (result.error !== undefined) onError?.(result.error);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

interface Provider {
  getTracer(name: string): SdkTracer;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

class SdkBackedTracer implements OtlpTracer {
  readonly #api: Api;
  readonly #provider: Provider;
  readonly #sampleRatio: number;
  readonly #tracer: SdkTracer;

  constructor(api: Api, provider: Provider, sampleRatio: number) {
    this.#api = api;
    this.#provider = provider;
    this.#sampleRatio = sampleRatio;
    this.#tracer = provider.getTracer('hotswap');
  }

  start(name: string, start: Parameters<Tracer['start']>[1] = {}): TraceSpan | null {
    const { traceparent, sampling } = start;
    const parent = traceparent === undefined ? null : this.#readParent(traceparent);
    if (parent === null) {
      if (sampling === 'parent') return null;
      if (sampling !== 'always' && Math.random() >= this.#sampleRatio) return null;
      return this.#begin(name, start, this.#api.ROOT_CONTEXT);
    }
    if ((parent.traceFlags & this.#api.TraceFlags.SAMPLED) === 0) return null;
    return this.#begin(name, start, this.#api.trace.setSpanContext(this.#api.ROOT_CONTEXT, parent));
  }

  async flush(): Promise<void> {
    await this.#provider.forceFlush().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined);
  }

  #begin(name: string, { kind, attributes, startedAt }: SpanStart, context: Context): TraceSpan {
    const { SpanKind } = this.#api;
    const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };
    const span = this.#tracer.startSpan(
      name,
      {
        kind: kinds[kind ?? 'internal'],
        ...(attributes === undefined ? {} : { attributes }),
        ...(startedAt === undefined ? {} : { startTime: new Date(startedAt) }),
      },
      context,
    );
    return this.#wrap(span);
  }

  #wrap(span: Span): TraceSpan {
    const { trace, ROOT_CONTEXT, SpanStatusCode } = this.#api;
    const { traceId, spanId } = span.spanContext();
    return {
      traceparent: `00-${traceId}-${spanId}-01`,
      child: (name, start = {}) => this.#begin(name, start, trace.setSpan(ROOT_CONTEXT, span)),
      set: (attributes) => void span.setAttributes(attributes),
      end: (failure, endedAt) => {
        if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
        span.end(endedAt === undefined ? undefined : new Date(endedAt));
      },
    };
  }

  /** `null` for what is no `traceparent`: it begins a trace anew, as the standard says. */
  #readParent(traceparent: string): SpanContext | null {
    const parts = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(traceparent);
    if (parts === null) return null;
    const [, traceId = '', spanId = '', flags = '00'] = parts;
    const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
    return this.#api.isSpanContextValid(parent) ? parent : null;
  }
}
