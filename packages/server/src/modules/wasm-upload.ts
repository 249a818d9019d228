import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { serverError } from '../error-codes.ts';

/** Bytes of a module as they came in. @internal */
export interface WasmUpload {
  readonly bytes: Buffer;
  /** SHA-256 in lower-case hex. */
  readonly digest: string;
}

const marker: unique symbol = Symbol('wasm upload');

/** @internal */
export function isWasmUpload(body: unknown): body is WasmUpload {
  return body !== null && typeof body === 'object' && marker in body;
}

/** @internal */
export function toWasmUpload(bytes: Buffer): WasmUpload {
  return Object.assign({ bytes, digest: createHash('sha256').update(bytes).digest('hex') }, { [marker]: true });
}

const maxUploads = 4;

/**
 * Takes `application/wasm` bodies and bounds uploads of any form: their size, and how many run at a time, so that memory
 * stays bounded.
 * @internal
 */
export function takeWasmUploads(app: FastifyInstance, maxSizeBytes: number): void {
  app.addContentTypeParser('application/wasm', (request: FastifyRequest, payload: IncomingMessage, done) => {
    readUpload(payload, Number(request.headers['content-length'] ?? 0), maxSizeBytes).then(
      (upload) => done(null, upload),
      (error: unknown) => done(error as Error),
    );
  });
}

/** Hook for routes that take uploads: refuses the fifth while four run. @internal */
export function boundUploads(): (
  request: FastifyRequest,
  reply: { raw: { once(event: 'close', listener: () => void): unknown } },
) => Promise<void> {
  let running = 0;
  return (request, reply) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      return Promise.reject(
        serverError('HS_API_UNSUPPORTED_MEDIA_TYPE', { what: 'A compressed body', accepted: 'it as it is' }),
      );
    }
    if (running >= maxUploads) return Promise.reject(serverError('HS_LIMIT_UPLOADS', { limit: maxUploads }));
    running++;
    reply.raw.once('close', () => void running--);
    return Promise.resolve();
  };
}

/** One buffer of the announced size, filled as bytes arrive; hashed on the way, so that no step blocks for long. */
async function readUpload(payload: IncomingMessage, announced: number, limitBytes: number): Promise<WasmUpload> {
  if (announced > limitBytes) throw serverError('HS_LIMIT_MODULE_SIZE', { limitBytes });
  let bytes = Buffer.allocUnsafeSlow(Math.max(announced, 65_536));
  let sizeBytes = 0;
  const hash = createHash('sha256');
  for await (const chunk of payload as AsyncIterable<Buffer>) {
    if (sizeBytes + chunk.byteLength > limitBytes) throw serverError('HS_LIMIT_MODULE_SIZE', { limitBytes });
    if (sizeBytes + chunk.byteLength > bytes.byteLength) bytes = grown(bytes, sizeBytes + chunk.byteLength, limitBytes);
    chunk.copy(bytes, sizeBytes);
    sizeBytes += chunk.byteLength;
    hash.update(chunk);
  }
  return Object.assign({ bytes: bytes.subarray(0, sizeBytes), digest: hash.digest('hex') }, { [marker]: true });
}

function grown(bytes: Buffer, neededBytes: number, limitBytes: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.min(limitBytes, Math.max(neededBytes, bytes.byteLength * 2)));
  bytes.copy(larger);
  return larger;
}
