import type { HttpListener, HttpPlane, HttpPlaneOptions, HttpRoute, LoadedModule, SlotTable } from '@hotswap/core';
import type { WasmtimeOptions } from '@hotswap/runtime-wasmtime';
import { type TestHost, testHost } from './test-host.ts';

/** A host with slots, served by planes. */
export interface HttpFixture extends AsyncDisposable {
  readonly test: TestHost;
  readonly slots: SlotTable;
  /** Loads the modules by name and version and serves them with these weights. */
  serve(slot: string, versions: Readonly<Record<string, readonly [module: LoadedModule, weight: number]>>): void;
  /** A plane on these slots, and one listener with these routes. */
  open(
    routes: readonly HttpRoute[],
    options?: Omit<HttpPlaneOptions, 'slots'>,
  ): Promise<{ readonly plane: HttpPlane; readonly listener: HttpListener; readonly port: number }>;
}

export async function httpFixture(options: WasmtimeOptions = {}): Promise<HttpFixture> {
  const test = await testHost(options);
  const slots = test.host.createSlotTable();
  const planes: HttpPlane[] = [];
  return {
    test,
    slots,
    serve: (slot, versions) => {
      slots.set(slot, {
        versions: new Map(Object.entries(versions).map(([version, [module, weight]]) => [version, { module, weight }])),
      });
    },
    open: async (routes, options = {}) => {
      const plane = await createPlane(test, { slots, ...options });
      planes.push(plane);
      const listener = await plane.listen({});
      listener.setRoutes(routes);
      return { plane, listener, port: listener.port };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(planes.map((plane) => plane.close(0)));
      await test[Symbol.asyncDispose]();
    },
  };
}

export async function createPlane({ host }: TestHost, options: HttpPlaneOptions): Promise<HttpPlane> {
  if (host.createHttpPlane === undefined) throw new Error('the host serves no HTTP');
  return await host.createHttpPlane(options);
}

/** A public route for any host. */
export function route(slot: string | null, pathPrefix = '/', more: Partial<HttpRoute> = {}): HttpRoute {
  return { slot, hosts: [], pathPrefix, stripPrefix: true, access: 'public', affinity: null, ...more };
}
