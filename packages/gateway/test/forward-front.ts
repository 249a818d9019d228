import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { isHotSwapError, type ModuleHttp, type Route, type RouteTarget } from '@hotswap/core';
import { Gateway, type GatewayOptions } from '@hotswap/gateway';
import { StreamingNode } from './streaming-node.ts';

export const byAddress: ModuleHttp = { hosts: [], pathPrefix: '/', access: 'keys', affinity: null };

/** A server that forwards every request for the module `shop` to one of two nodes, which answer as scripted. */
export class ForwardFront implements AsyncDisposable {
  readonly routes: Map<string, Route> = new Map();
  readonly nodes: readonly StreamingNode[];
  remoteAddress = '203.0.113.7';
  version: string | undefined;
  /** Something else has answered the client before the node does. */
  isAnswered = false;
  sourceReads = 0;
  gateway: Gateway;
  readonly #server: Server;

  private constructor(nodes: readonly StreamingNode[]) {
    this.nodes = nodes;
    this.#server = createServer((request, response) => {
      this.#forward(request, response);
    });
    this.gateway = this.#makeGateway();
  }

  static async start(): Promise<ForwardFront> {
    const front = new ForwardFront(await Promise.all([StreamingNode.start(), StreamingNode.start()]));
    front.setRoute(1, [front.target(0)]);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    await front.gateway.start();
    return front;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
    await this.gateway.stop();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  node(i: number): StreamingNode {
    return this.nodes[i] as StreamingNode;
  }

  target(i: number, releaseId = 'rel-1', more: Partial<RouteTarget> = {}): RouteTarget {
    return {
      nodeId: `node-${i}`,
      dataPlaneUrl: this.nodes[i]?.url ?? '',
      publicUrl: null,
      releaseId,
      moduleId: `shop-v${releaseId.slice(4)}.0.0`,
      version: `${releaseId.slice(4)}.0.0`,
      http: byAddress,
      weight: 100,
      ...more,
    };
  }

  /** Seen by the gateway that is started next. */
  setRoute(revision: number, targets: readonly RouteTarget[]): void {
    this.routes.set('shop', { tenant: 'default', moduleName: 'shop', revision, targets, matches: [] });
  }

  /** Another gateway takes over, which knows nothing but the routes. */
  async restart(options: Partial<GatewayOptions> = {}): Promise<void> {
    await this.gateway.stop();
    this.gateway = this.#makeGateway(options);
    await this.gateway.start();
  }

  /** All that comes on a connection of its own. */
  async rawAnswer(request: string): Promise<string> {
    const socket = connect(Number(new URL(this.url).port), '127.0.0.1').setEncoding('latin1');
    socket.write(request);
    let answer = '';
    for await (const text of socket) answer += String(text);
    return answer;
  }

  async codeOf(init?: RequestInit): Promise<string | null> {
    return (await fetch(`${this.url}/`, init)).headers.get('x-code');
  }

  #makeGateway(options: Partial<GatewayOptions> = {}): Gateway {
    return new Gateway({
      instanceId: 'gateway-1',
      searchMs: 300,
      source: {
        all: () => Promise.resolve([...this.routes.values()]),
        find: (_tenant, name) => {
          this.sourceReads++;
          return Promise.resolve(this.routes.get(name) ?? null);
        },
        subscribe: () => () => undefined,
      },
      board: {
        acknowledge: () => Promise.resolve(),
        leave: () => Promise.resolve(),
        servedRevision: () => Promise.resolve(null),
      },
      signToken: (nodeId) => Promise.resolve(`token-${nodeId}`),
      ...options,
    });
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const call = {
      tenant: 'default',
      moduleName: 'shop',
      url: request.url ?? '/',
      prefix: '/modules/shop',
      requestId: 'req-1',
      scheme: 'http' as const,
      remoteAddress: this.remoteAddress,
      version: this.version,
      onHead: () => undefined,
      request,
      response,
    };
    if (this.isAnswered) response.flushHeaders();
    this.gateway.forward(call).catch((error: unknown) => {
      if (!response.headersSent && !response.destroyed && isHotSwapError(error))
        response.writeHead(error.httpStatus, { 'x-code': error.code, connection: 'close' }).end();
      else response.destroy();
    });
  }
}
