/** Facts about a span; names as OpenTelemetry has them where it has one. @public */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** How a span begins. @public */
export interface SpanStart {
  /** `server`: it answers somebody; `client`: it asks somebody; `internal`: neither. Default `internal`. */
  readonly kind?: 'server' | 'client' | 'internal';
  /** Default none. */
  readonly attributes?: SpanAttributes;
  /** Unix milliseconds, for what is told of afterwards. Default now. */
  readonly startedAt?: number;
}

/** A piece of work that is traced. @public */
export interface TraceSpan {
  /** W3C `traceparent` for whoever is asked next. */
  readonly traceparent: string;
  /** Begins a piece of this piece. */
  child(name: string, start?: SpanStart): TraceSpan;
  set(attributes: SpanAttributes): void;
  /** Ends it, once. `failure`: why it failed; absent: it did not. `endedAt` in Unix milliseconds, default now. */
  end(failure?: string, endedAt?: number): void;
}

/** Begins traces. A program that traces nothing has none, and asks for nothing. @public */
export interface Tracer {
  /**
   * Begins a piece of work for somebody else, of whose trace it becomes a part, or a trace of its own. `null` when this one
   * is not traced: the caller's own decision, or the sampler's where there is none.
   * `traceparent`: what the caller sent. `sampling`: `parent` traces only what a caller does, `always` everything.
   * Default: a share of what comes without a caller's trace.
   */
  start(
    name: string,
    start?: SpanStart & { readonly traceparent?: string | undefined; readonly sampling?: 'parent' | 'always' },
  ): TraceSpan | null;
}
