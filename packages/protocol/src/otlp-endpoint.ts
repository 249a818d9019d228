import { z } from 'zod';

/** Ports of Jaeger's own protocols: Thrift over HTTP, gRPC, and UDP. */
const jaegerPorts: ReadonlySet<string> = new Set(['14268', '14250', '6831', '6832']);

/**
 * Reads the address of an OTLP receiver. Jaeger's own collector protocol is gone from Jaeger itself: its addresses are
 * refused, with what to write instead.
 * @public
 */
export const otlpEndpointSchema: z.ZodType<string, unknown> = z
  .url({ protocol: /^https?$/, error: 'must be the URL of an OTLP receiver, e.g. http://localhost:4318', abort: true })
  .check(({ value, issues }) => {
    const { protocol, hostname, port, pathname } = new URL(value);
    if (!jaegerPorts.has(port) && !/^\/api\/traces\/?$/.test(pathname)) return;
    issues.push({
      code: 'custom',
      input: value,
      message: `is an address of Jaeger's old collector, traces go out over OTLP: write OpenTelemetry.OtlpEndpoint ${protocol}//${hostname}:4318 and open that port of Jaeger`,
    });
  });
