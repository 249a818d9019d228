import type { Tracer, TraceSpan } from '@hotswap/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** The request's span; `null` when it is not traced. */
    span: TraceSpan | null;
  }
}

/** Streams last as long as somebody listens, and what comes every few seconds would bury everything else. */
const isUntold = (route: string): boolean =>
  /\/(?:events|desired|logs|heartbeat)$/.test(route) || route.startsWith('/health');

/**
 * Makes a span of each request, a part of its caller's trace where there is one. Without a tracer requests pass by here
 * without a hook.
 * @internal
 */
export function traceRequests(app: FastifyInstance, tracer: Tracer | null, ownPath: string): void {
  app.decorateRequest('span', null);
  if (tracer === null) return;
  app.addHook('onRequest', (request, _reply, done) => {
    request.span = begin(tracer, request, ownPath);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply.raw;
    request.span?.set({ 'http.response.status_code': statusCode });
    request.span?.end(statusCode >= 500 ? `status ${statusCode}` : undefined);
    done();
  });
}

function begin(tracer: Tracer, request: FastifyRequest, ownPath: string): TraceSpan | null {
  const { url: route = '' } = request.routeOptions;
  if (route === '' || route === ownPath || isUntold(route)) return null;
  const { traceparent } = request.headers;
  return tracer.start(`${request.method} ${route}`, {
    kind: 'server',
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    attributes: { 'http.request.method': request.method, 'http.route': route, 'hotswap.request.id': request.id },
  });
}
