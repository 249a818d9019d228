import type {
  HttpCertificate,
  HttpListener,
  HttpPlane,
  HttpRequestHead,
  HttpVersionStats,
  RuntimeHost,
  SlotTable,
} from '@hotswap/core';
import { publicRoutes, serverRoutes, type HttpModule } from './http-routes.ts';
import type { InvokeTokens } from './invoke-token.ts';
import type { NodeFront } from './node-front.ts';
import type { NodeLog } from '../log/node-log.ts';
import type { NodeRequests } from './node-requests.ts';
import type { PublicCertificate } from './public-certificate.ts';

/** Where modules are reached by anyone. @internal */
export interface PublicPort {
  readonly host: string;
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly certificate?: PublicCertificate;
  /** Whose choice of versions is taken. Absent: nobody's. */
  readonly trustedProxies?: readonly string[];
}

/** @internal */
export interface PlaneFrontOptions {
  readonly runtime: RuntimeHost & Required<Pick<RuntimeHost, 'createHttpPlane'>>;
  readonly slots: SlotTable;
  readonly requests: NodeRequests;
  readonly tokens: InvokeTokens;
  /** Hears what modules write while they answer. */
  readonly log: Pick<NodeLog, 'http'>;
  /** Absent: no public port. */
  readonly publicPort?: PublicPort;
}

/**
 * Ports that the runtime itself serves: modules answer on its threads, this thread answers the rest. The public port has
 * a plane of its own, which never asks this thread for anything.
 * @internal
 */
export class PlaneFront implements NodeFront {
  readonly #options: PlaneFrontOptions;
  readonly #planes: HttpPlane[] = [];
  #server: HttpListener | undefined;
  #public: HttpListener | undefined;
  #modules: readonly HttpModule[] = [];

  constructor(options: PlaneFrontOptions) {
    this.#options = options;
  }

  async listen(host: string, port: number): Promise<number> {
    const { runtime, slots, requests, tokens, log, publicPort } = this.#options;
    const plane = await runtime.createHttpPlane({
      slots,
      fallback: (request) => requests.answer(request),
      authorize: (head) => authorize(tokens, head),
      onOutput: (records) => log.http(records),
    });
    try {
      this.#server = await plane.listen({ host, port });
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
    this.#planes.push(plane);
    if (publicPort !== undefined) await this.#listenPublic(publicPort);
    this.publish(this.#modules);
    return this.#server.port;
  }

  publish(modules: readonly HttpModule[]): void {
    this.#modules = modules;
    this.#server?.setRoutes(serverRoutes(modules));
    this.#public?.setRoutes(publicRoutes(modules));
  }

  versionStats(): readonly HttpVersionStats[] {
    // Counters belong to the slots' versions, which both planes share.
    return this.#planes[0]?.stats().versions ?? [];
  }

  async close(deadlineMs: number): Promise<void> {
    this.#options.requests.stop();
    this.#options.publicPort?.certificate?.unwatch();
    await Promise.all(this.#planes.map((plane) => plane.close(deadlineMs)));
  }

  async #listenPublic({ certificate, ...where }: PublicPort): Promise<void> {
    const { runtime, slots, log } = this.#options;
    const plane = await runtime.createHttpPlane({ slots, onOutput: (records) => log.http(records) });
    this.#planes.push(plane);
    const tls: readonly HttpCertificate[] = certificate === undefined ? [] : [await certificate.read()];
    const listener = await plane.listen({ ...where, tls });
    this.#public = listener;
    certificate?.watch((renewed) => {
      listener.setCertificates([renewed]);
    });
  }
}

async function authorize(tokens: InvokeTokens, head: HttpRequestHead): Promise<{ readonly validUntil: number } | null> {
  const value = head.headers.find(([name]) => name === 'authorization')?.[1];
  try {
    return { validUntil: await tokens.admit(value) };
  } catch {
    return null;
  }
}
