/**
 * The smallest HTTP server in TypeScript: one line, whatever is asked. It works on `wasi:http` itself, because the
 * engine's `fetch` event is good for one request per instance only.
 */
import { Fields, type IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam } from 'wasi:http/types@0.2.10';

const greeting = new TextEncoder().encode('Hello from http-hello-typescript 1.0.0\n');

export const incomingHandler = {
  handle(_request: IncomingRequest, outparam: ResponseOutparam): void {
    const response = new OutgoingResponse(new Fields());
    const body = response.body();
    ResponseOutparam.set(outparam, { tag: 'ok', val: response });
    const stream = body.write();
    stream.blockingWriteAndFlush(greeting);
    stream[Symbol.dispose]();
    OutgoingBody.finish(body, undefined);
  },
};

export function healthCheck(): string {
  return 'OK';
}
