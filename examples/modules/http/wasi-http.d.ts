/** The part of `wasi:http/types` that the guests here use. */
declare module 'wasi:http/types@0.2.10' {
  export class IncomingRequest {
    pathWithQuery(): string | undefined;
  }

  export class Fields {
    constructor();
  }

  export class OutputStream {
    blockingWriteAndFlush(contents: Uint8Array): void;
    [Symbol.dispose](): void;
  }

  export class OutgoingBody {
    write(): OutputStream;
    static finish(body: OutgoingBody, trailers: Fields | undefined): void;
  }

  export class OutgoingResponse {
    constructor(headers: Fields);
    body(): OutgoingBody;
  }

  export class ResponseOutparam {
    static set(outparam: ResponseOutparam, response: { tag: 'ok'; val: OutgoingResponse }): void;
  }
}
