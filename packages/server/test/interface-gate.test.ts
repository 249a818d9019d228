import { describe, expect, it } from 'vitest';
import {
  defaultModuleRuntime,
  defaultResourceLimits,
  noCapabilities,
  type ModuleDescription,
  type ModuleHttp,
  type ModuleRecord,
} from '@hotswap/core';
import { InterfaceGate, requireSafe, type GateFindings } from '../src/interfaces/interface-gate.ts';
import { InterfaceRegistry } from '../src/interfaces/interface-registry.ts';
import { admitDeployment } from '../src/interfaces/admit-deployment.ts';
import { CallerLedger } from '../src/interfaces/caller-ledger.ts';
import type {
  FunctionCaller,
  HostKind,
  InterfaceConsumer,
  InterfaceRecord,
  InterfaceStatus,
  InterfaceStore,
  LiveModule,
  LiveUse,
} from '../src/ports/interface-store.ts';

const public_: ModuleHttp = { hosts: [], pathPrefix: '/shop', access: 'public', affinity: null };

/** A component whose world has these imports and exports; `packages` are what they refer to. */
function component(world: string, packages: string): ModuleDescription {
  const wit = `package root:component;\nworld root { ${world} }\n${packages}`;
  const names = [...world.matchAll(/export ([^;]+);/g)].map(([, name = '']) => name);
  return {
    kind: 'component',
    wasiLevel: 'none',
    sizeBytes: 1,
    imports: [],
    exports: names.map((name) => ({ name, kind: 'interface' })),
    functions: names.flatMap((name) => ['scale', 'crop'].map((each) => ({ name: `${name}#${each}`, params: [] }))),
    isCommand: false,
    servesHttp: null,
    wit,
  };
}

const images = (version: string, items: string): string =>
  `package acme:img@${version} { interface resize { ${items} } }`;
const exporting = (version: string, items: string): ModuleDescription =>
  component(`export acme:img/resize@${version};`, images(version, items));
const importing = (version: string, items: string): ModuleDescription =>
  component(`import acme:img/resize@${version};`, images(version, items));

const wasmtime: HostKind = {
  runtime: 'Wasmtime',
  runtimeVersion: '48',
  capabilities: { components: true, wasi: ['preview1', 'preview2'] },
  nodes: 3,
  example: 'edge-1',
};

interface Scene {
  readonly live?: Readonly<Record<string, ModuleDescription>>;
  readonly http?: ModuleHttp | null;
  readonly hosts?: readonly HostKind[];
  readonly callers?: readonly FunctionCaller[];
  readonly consumers?: readonly InterfaceConsumer[];
  /** Modules that move before it in a train. */
  readonly ahead?: Readonly<Record<string, ModuleDescription>>;
  readonly registered?: readonly (readonly [version: string, items: string, status: InterfaceStatus])[];
}

/** Asks the gate about version 2.0.0 of the module `img`. */
async function ask(now: ModuleDescription, scene: Scene, http: ModuleHttp | null = null): Promise<GateFindings> {
  const { live = {}, hosts = [wasmtime], callers = [], consumers = [], registered = [], ahead = {} } = scene;
  const records = registered.map(([version, items, status]): InterfaceRecord => ({
    ...{ tenant: 'default', name: 'acme:img', version, status, comparedWith: null, changes: [], createdBy: 'dev' },
    ...{ createdAt: 0, decidedBy: null, decidedAt: null, reason: null, revision: 1 },
    wit: `package acme:img@${version}; interface resize { ${items} }`,
  }));
  const store = {
    versions: (_tenant: string, name: string) => Promise.resolve(records.filter((each) => each.name === name)),
    get: (_tenant: string, _name: string, version: string) =>
      Promise.resolve(records.find((each) => each.version === version)),
    find: (_tenant: string, _name: string, version: string) =>
      Promise.resolve(records.find((each) => each.version === version) ?? null),
    consumers: (_tenant: string, names: readonly string[]) =>
      Promise.resolve(consumers.filter(({ name }) => names.includes(name))),
  } as unknown as InterfaceStore;
  const liveModules = Object.keys(live).map((moduleId): LiveModule => ({
    ...{ moduleName: moduleId.split('-v')[0] ?? '', moduleId, releaseId: `rel-${moduleId}`, nodes: 3 },
    http: scene.http ?? null,
  }));
  const use: LiveUse = {
    liveModules: () => Promise.resolve(liveModules),
    hosts: () => Promise.resolve(hosts),
    noteCallers: () => Promise.resolve(),
    callers: () => Promise.resolve(callers),
  };
  const registry = new InterfaceRegistry(store, { requireApproval: false });
  const gate = new InterfaceGate({
    interfaces: store,
    registry,
    use,
    modules: {
      get: (_tenant, moduleId) => Promise.resolve({ ...moduleOf(live[moduleId] ?? ahead[moduleId] ?? now), moduleId }),
    },
    callers: new CallerLedger(use, () => undefined),
  });
  const before = Object.keys(ahead).map((moduleId) => ({ name: moduleId.split('-v')[0] ?? '', moduleId }));
  return gate.check({ module: moduleOf(now), http, regions: null, ahead: before });
}

function moduleOf(description: ModuleDescription): ModuleRecord {
  return {
    ...{
      tenant: 'default',
      moduleId: 'img-v2.0.0',
      name: 'img',
      version: '2.0.0',
      digest: 'a'.repeat(64),
      sizeBytes: 1,
    },
    ...{ description, wasiVersion: description.wasiLevel, interfaces: null, resourceLimits: defaultResourceLimits },
    ...{ capabilities: noCapabilities, http: null, runtime: defaultModuleRuntime, healthCheck: {}, createdBy: 'dev' },
    createdAt: 0,
  };
}

const refusal = (findings: GateFindings, allowBreaking = false, choosesNodes = false): unknown => {
  try {
    requireSafe(findings, moduleOf(exporting('1.0.0', '')), { allowBreaking, choosesNodes });
    return null;
  } catch (error) {
    return error;
  }
};

const before = exporting('1.0.0', 'scale: func(w: u32); crop: func();');

describe('live consumers', () => {
  it('another live module that imports what changes', async () => {
    const live = { 'img-v1.0.0': before, 'shop-v1.0.0': importing('1.0.0', 'scale: func(w: u32);') };
    const found = await ask(exporting('1.1.0', 'scale: func(w: u64); crop: func();'), { live });
    expect(found.consumers).toEqual([
      { kind: 'module', name: 'shop-v1.0.0', paths: ['acme:img/resize@1.0.0#scale.param[0:w]'] },
    ]);
    expect(refusal(found)).toMatchObject({
      code: 'HS_INTERFACE_BREAKS_CONSUMERS',
      message: expect.stringContaining('module shop-v1.0.0 (acme:img/resize@1.0.0#scale.param[0:w])') as string,
    });
    expect(refusal(found, true)).toBeNull();
  });

  it('one that moves before it in a train counts at the version that it will have then', async () => {
    const live = { 'img-v1.0.0': before, 'shop-v1.0.0': importing('1.0.0', 'scale: func(w: u32);') };
    const now = exporting('1.1.0', 'scale: func(w: u64); crop: func();');
    const fits = await ask(now, { live, ahead: { 'shop-v2.0.0': importing('1.0.0', 'crop: func();') } });
    expect(fits.consumers).toEqual([]);
    const breaks = await ask(now, { live, ahead: { 'desk-v1.0.0': importing('1.0.0', 'scale: func(w: u32);') } });
    expect(breaks.consumers.map(({ name }) => name)).toEqual(['shop-v1.0.0', 'desk-v1.0.0']);
  });

  it('one that imports only what stays is not concerned', async () => {
    const live = { 'img-v1.0.0': before, 'shop-v1.0.0': importing('1.0.0', 'scale: func(w: u32);') };
    const found = await ask(exporting('1.1.0', 'scale: func(w: u32);'), { live });
    expect(found.consumers).toEqual([]);
    expect(found.changes).toMatchObject([{ kind: 'function-removed', severity: 'breaking' }]);
    expect(refusal(found)).toBeNull();
  });

  it('a declared consumer, by what it says to use', async () => {
    const consumer = (name: string, uses: readonly string[]): InterfaceConsumer => ({
      ...{ name: 'acme:img', version: '1.0.0', consumer: name, uses, createdBy: 'dev', createdAt: 0 },
    });
    const found = await ask(exporting('1.1.0', 'scale: func(w: u32);'), {
      live: { 'img-v1.0.0': before },
      registered: [['1.0.0', 'scale: func(w: u32); crop: func();', 'Approved']],
      consumers: [consumer('desk', ['resize#crop']), consumer('shop', ['resize#scale']), consumer('all', [])],
    });
    expect(found.consumers.map(({ name, paths }) => [name, paths])).toEqual([
      ['desk (acme:img@1.0.0)', ['acme:img/resize@1.0.0#crop']],
      ['all (acme:img@1.0.0)', ['acme:img/resize@1.0.0#crop']],
    ]);
  });

  it('callers of a function, with and without its interface', async () => {
    const call = (subject: string, functionName: string): FunctionCaller => ({
      ...{ tenant: 'default', moduleName: 'img', functionName, subject },
    });
    const found = await ask(exporting('1.1.0', 'scale: func(w: u32);'), {
      live: { 'img-v1.0.0': before },
      callers: [
        call('alice', 'crop'),
        call('bob', 'acme:img/resize@1.0.0#crop'),
        call('eve', 'scale'),
        call('eve', 'none'),
      ],
    });
    expect(found.consumers.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['caller alice', 'caller bob']);
  });

  it('callers when the interface moves to another major version', async () => {
    const found = await ask(exporting('2.0.0', 'scale: func(w: u32); crop: func();'), {
      live: { 'img-v1.0.0': before },
      callers: [{ tenant: 'default', moduleName: 'img', functionName: 'scale', subject: 'alice' }],
    });
    expect(found.changes).toMatchObject([{ kind: 'package-major-changed' }]);
    expect(found.consumers).toMatchObject([{ name: 'alice', paths: ['acme:img/resize@1.0.0'] }]);
  });

  it('clients of HTTP that is served no longer', async () => {
    const scene = { live: { 'img-v1.0.0': before }, http: public_ };
    expect((await ask(before, scene)).consumers).toEqual([{ kind: 'http', name: 'clients of /shop', paths: ['http'] }]);
    expect((await ask(before, scene, public_)).consumers).toEqual([]);
  });
});

describe('hosts', () => {
  const core = (imports: readonly string[]): ModuleDescription => ({
    ...{
      kind: 'core',
      wasiLevel: 'none',
      sizeBytes: 1,
      exports: [],
      functions: [],
      isCommand: false,
      servesHttp: null,
    },
    imports: imports.map((name) => ({ name, kind: 'function', type: '()' })),
  });
  const wasmer: HostKind = {
    ...{ runtime: 'Wasmer', runtimeVersion: '6', nodes: 1, example: 'edge-9' },
    capabilities: { components: false, wasi: ['preview1'] },
  };

  it.each([
    ['a component where no components run', before, wasmer, 'runs no components'],
    ['an import that nobody offers', core(['env.launch']), wasmtime, 'does not offer env.launch'],
    [
      'an interface that nobody offers',
      importing('1.0.0', 'scale: func();'),
      wasmtime,
      'does not offer acme:img/resize@1.0.0',
    ],
    ['a WASI level that is missing', { ...core([]), wasiLevel: 'preview2' } as const, wasmer, 'has no WASI preview2'],
  ])('refuse %s', async (_title, module, host, why) => {
    const found = await ask(module, { hosts: [host] });
    expect(found.misfits.map((each) => each.why)).toEqual([why]);
    expect(refusal(found)).toMatchObject({ code: 'HS_INTERFACE_HOST_CANNOT_LINK', httpStatus: 409 });
  });

  it.each([
    ['WASI of a core module', core(['wasi_snapshot_preview1.fd_write', 'hotswap:module/metrics.counter'])],
    ['types alone', importing('1.0.0', 'type id = u32;')],
    [
      'WASI of a component',
      component(
        'import wasi:cli/environment@0.2.3;',
        'package wasi:cli@0.2.3 { interface environment { get: func(); } }',
      ),
    ],
    [
      'a log for components',
      component(
        'import wasi:logging/logging@0.1.0-draft;',
        'package wasi:logging@0.1.0-draft { interface logging { log: func(message: string); } }',
      ),
    ],
  ])('give %s', async (_title, module) => {
    expect((await ask(module, {})).misfits).toEqual([]);
  });

  it('are chosen among by selectors as long as one of them fits', async () => {
    const found = await ask(before, { hosts: [wasmtime, wasmer] });
    expect(refusal(found)).toMatchObject({ code: 'HS_INTERFACE_HOST_CANNOT_LINK' });
    expect(refusal(found, false, true)).toBeNull();
    expect(refusal(await ask(before, { hosts: [wasmer] }), false, true)).toMatchObject({
      code: 'HS_INTERFACE_HOST_CANNOT_LINK',
    });
  });

  it('are believed to offer an interface that the registry approved', async () => {
    const registered = [['1.0.0', 'scale: func(w: u32);', 'Approved']] as const;
    expect((await ask(importing('1.0.0', 'scale: func(w: u32);'), { registered })).misfits).toEqual([]);
  });
});

describe('the registry', () => {
  it.each(['PendingApproval', 'Rejected'] as const)('a version that is %s may not be built on', async (status) => {
    const found = await ask(before, { registered: [['1.0.0', 'scale: func(w: u32); crop: func();', status]] });
    expect(found.problems).toEqual([`acme:img@1.0.0 is ${status}`]);
    expect(refusal(found, true)).toMatchObject({ code: 'HS_INTERFACE_NOT_APPROVED', httpStatus: 409 });
  });

  it('an export has to be as it was approved, and may have more', async () => {
    const registered = [['1.0.0', 'scale: func(w: u32);', 'Deprecated']] as const;
    expect((await ask(before, { registered })).problems).toEqual([]);
    const other = await ask(exporting('1.0.0', 'scale: func(w: u64);'), { registered });
    expect(other.problems).toEqual([
      'param-type-changed at acme:img/resize@1.0.0#scale.param[0:w] against acme:img@1.0.0: u32 became u64',
    ]);
  });

  it('a version that is not registered is held to the approved one below it', async () => {
    const registered = [['1.0.0', 'scale: func(w: u32);', 'Approved']] as const;
    expect((await ask(exporting('1.4.0', 'scale: func(w: u32); crop: func();'), { registered })).problems).toEqual([]);
    expect((await ask(exporting('1.4.0', 'crop: func();'), { registered })).problems).toHaveLength(1);
    expect((await ask(exporting('2.0.0', 'scale: func(w: u32);'), { registered })).problems).toEqual([
      'no version of acme:img that is compatible with 2.0.0 is approved',
    ]);
  });
});

describe('admission', () => {
  const admin = { tenant: 'default', subject: 'root', role: 'admin' } as const;
  const developer = { tenant: 'default', subject: 'dev', role: 'developer' } as const;
  const question = { module: moduleOf(before), http: null, regions: null };
  const gateOf = async (): Promise<InterfaceGate> => {
    const findings = await ask(exporting('1.1.0', 'scale: func(w: u32);'), { live: { 'img-v1.0.0': before } });
    return { check: () => Promise.resolve(findings) } as unknown as InterfaceGate;
  };

  it.each([
    ['Development', false],
    ['Staging', true],
    ['Production', true],
  ] as const)('in %s makes a breaking change wait for an approval: %s', async (environment, requireApproval) => {
    const parts = { gate: await gateOf(), config: { environment } };
    expect(await admitDeployment(parts, question, { choosesNodes: false }, developer)).toEqual({ requireApproval });
  });

  it('lets only admins accept that others break', async () => {
    const parts = { gate: await gateOf(), config: { environment: 'Production' } } as const;
    const wish = { allowBreaking: true, choosesNodes: false };
    await expect(admitDeployment(parts, question, wish, developer)).rejects.toMatchObject({
      code: 'HS_AUTH_FORBIDDEN',
    });
    expect(await admitDeployment(parts, question, wish, admin)).toEqual({ requireApproval: true, allowBreaking: true });
  });
});
