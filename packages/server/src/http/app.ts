import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastifySwagger from '@fastify/swagger';
import Fastify, { LogController, type FastifyBaseLogger, type FastifySerializerCompiler } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { apiBase, problemDetailsSchema } from '@hotswap/protocol';
import { authorizeRoutes } from '../auth/authorize.ts';
import { serverError } from '../error-codes.ts';
import { takeWasmUploads } from '../modules/wasm-upload.ts';
import type { ServerParts } from '../server-parts.ts';
import type { App } from './app-type.ts';
import { actAsCaller } from './act-as-caller.ts';
import { answerNotModified } from './entity-tag.ts';
import { tellStrictTransport } from './https-listener.ts';
import { answerRepeats } from './idempotency.ts';
import { answerMalformed, maxHeaderBytes } from './malformed-request.ts';
import { answerProblems } from './problem-details.ts';
import { readJsonBodies } from './read-json.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { authRoutes } from './routes/auth.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { interfaceRoutes } from './routes/interfaces.ts';
import { invokeRoutes } from './routes/invoke.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { moduleHttpRoutes } from './routes/module-http.ts';
import { moduleRoutes } from './routes/modules.ts';
import { nodeAgentRoutes } from './routes/node-agents.ts';
import { nodeInquiryRoutes } from './routes/node-inquiries.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { policyRoutes } from './routes/policy.ts';
import { releaseRoutes } from './routes/releases.ts';
import { strategyRoutes } from './routes/strategies.ts';
import { trafficRoutes } from './routes/routes.ts';
import { trainRoutes } from './routes/trains.ts';
import { userRoutes } from './routes/users.ts';
import { traceRequests } from './trace-requests.ts';
import { validateByZod } from './validate-request.ts';

const jsonBodyLimitBytes = 1_048_576;
/** A connection that says nothing for that long is closed; calls of functions may take up to 65 s. */
const connectionTimeoutMs = 90_000;
/** The longest time in which a request has to arrive, a module upload over a slow line included. */
const requestTimeoutMs = 120_000;
const handlerTimeoutMs = 75_000;
/** Longer than clients keep idle connections. */
const keepAliveTimeoutMs = 75_000;

const routeGroups: readonly ((app: App, parts: ServerParts) => void)[] = [
  healthRoutes,
  metricsRoutes,
  moduleRoutes,
  releaseRoutes,
  interfaceRoutes,
  deploymentRoutes,
  trainRoutes,
  policyRoutes,
  auditRoutes,
  authRoutes,
  userRoutes,
  apiKeyRoutes,
  nodeRoutes,
  nodeAgentRoutes,
  nodeInquiryRoutes,
  trafficRoutes,
  strategyRoutes,
  eventRoutes,
  docsRoutes,
];

/** Builds the HTTP application; it does not listen yet. @internal */
export async function createApp(parts: ServerParts): Promise<App> {
  const app = Fastify({
    loggerInstance: frameworkLogger(parts) as unknown as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: jsonBodyLimitBytes,
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    handlerTimeout: handlerTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    http: { headersTimeout: 10_000, maxHeaderSize: maxHeaderBytes },
    clientErrorHandler: answerMalformed,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 600 },
    trustProxy: parts.config.trustedProxies.length === 0 ? false : [...parts.config.trustedProxies],
    exposeHeadRoutes: false,
    genReqId: requestId,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validateByZod);
  app.setSerializerCompiler(parts.checksAnswers ? checkedJson : plainJson);
  answerProblems(app);
  readJsonBodies(app);
  takeWasmUploads(app, parts.config.maxWasmSizeBytes);
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done(
      parts.lifecycle.state === 'stopping' && !request.url.startsWith('/health')
        ? serverError('HS_API_UNAVAILABLE', { state: 'stopping' })
        : undefined,
    );
  });
  tellStrictTransport(app, parts.config);
  traceRequests(app, parts.telemetry.tracer, parts.config.metricsPath);
  authorizeRoutes(app, parts.authenticator, parts.limits);
  answerRepeats(app, parts.keys);
  actAsCaller(app, parts.audit);
  answerNotModified(app);
  logAnswers(app, parts);
  describeApi(app);
  await app.register(fastifySwagger, openApiOptions(parts.version));
  app.after(() => {
    for (const register of routeGroups) register(app, parts);
    invokeRoutes(app, parts);
    moduleHttpRoutes(app, parts);
  });
  await app.ready();
  return app;
}

function frameworkLogger({ logger, config: { frameworkLogLevel: level } }: ServerParts): ServerParts['logger'] {
  return level === undefined ? logger : logger.child({}, { level });
}

/** A caller's id is taken over when it is harmless, so that logs of both sides can be put together. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID();
}

const plainJson: FastifySerializerCompiler<z.ZodType> = () => (data) => JSON.stringify(data);

const checkedJson: FastifySerializerCompiler<z.ZodType> =
  ({ schema, method, url, httpStatus }) =>
  (data) => {
    const text = JSON.stringify(data);
    const read = schema.safeParse(JSON.parse(text));
    if (read.success) return text;
    throw serverError('HS_API_INTERNAL', {
      requestId: `${method} ${url} ${String(httpStatus)}: ${read.error.message}`,
    });
  };

/** Calls of functions and requests of modules are not logged one by one: counters tell of them. */
function logAnswers(app: App, { telemetry: { metrics } }: ServerParts): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    // Of the answer that was sent, also where the gateway has written it.
    const status = reply.raw.statusCode;
    metrics.answered(request.method, url ?? 'none', status, reply.elapsedTime);
    if (status === 504 && url !== undefined)
      request.log.warn(
        { event: 'execution_timeout', route: url, requestId: request.id },
        'execution_timeout: a WASM call has reached its time limit',
      );
    if (url !== undefined && !isCounted(url)) {
      request.log.info(
        {
          method: request.method,
          route: url,
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime),
          subject: request.principal?.subject,
        },
        'answered',
      );
    }
    done();
  });
}

function isCounted(url: string): boolean {
  return (
    url.endsWith('/invoke') ||
    url.endsWith('/heartbeat') ||
    url.startsWith('/health') ||
    url.startsWith(`${apiBase}/http/`)
  );
}

/** What all routes have in common in the API's description. */
function describeApi(app: App): void {
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/api/') && !route.url.startsWith('/health')) return;
    const schema = (route.schema ??= {}) as { response?: Record<string, unknown>; security?: unknown };
    schema.response = { ...schema.response, '4xx': problemDetailsSchema, '5xx': problemDetailsSchema };
    if (route.config?.role === 'open') schema.security = [];
  });
}

function openApiOptions(version: string): Parameters<typeof fastifySwagger>[1] {
  const zodToJsonConfig = { unrepresentable: 'any' } as const;
  const describe = createJsonSchemaTransform({ zodToJsonConfig });
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'HotSwap',
        version,
        description: 'Rolls out, swaps and calls WebAssembly modules over a fleet of nodes.',
        license: { name: 'Apache-2.0' },
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: (input) => {
      const { schema, url } = describe(input);
      // What follows the name is the module's own path.
      return { schema, url: url.replace('/*', '/{path}') };
    },
    transformObject: createJsonSchemaTransformObject({ zodToJsonConfig }),
  };
}
