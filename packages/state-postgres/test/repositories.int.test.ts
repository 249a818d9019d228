import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultModuleRuntime, defaultResourceLimits, noCapabilities } from '@hotswap/core';
import {
  AuditRepository,
  CredentialRepository,
  DatabaseClock,
  IdempotencyRepository,
  ModuleRepository,
  NodeRepository,
  ReleaseRepository,
  SettingRepository,
  type Database,
  type NewModule,
  type NodeDescription,
} from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const module = (tenant: string, version: string, changes: Partial<NewModule> = {}): NewModule => ({
  tenant,
  moduleId: `greeter-v${version}`,
  name: 'greeter',
  version,
  digest: version.replaceAll('.', '').padStart(64, 'a'),
  sizeBytes: 5_000_000_000,
  description: {
    kind: 'core',
    wasiLevel: 'none',
    sizeBytes: 1,
    imports: [],
    exports: [{ name: 'odd \0 name', kind: 'function' }],
    functions: [],
    isCommand: false,
    servesHttp: null,
  },
  wasiVersion: 'none',
  interfaces: ['wasi:http'],
  resourceLimits: defaultResourceLimits,
  http: null,
  runtime: defaultModuleRuntime,
  allowedRegions: null,
  capabilities: noCapabilities,
  healthCheck: { expected: 'fine' },
  createdBy: 'dev',
  ...changes,
});

const node = (nodeId: string, changes: Partial<NodeDescription> = {}): NodeDescription => ({
  nodeId,
  hostname: 'host',
  region: 'eu',
  zone: 'eu-1',
  labels: { disk: 'ssd' },
  runtime: 'Wasmtime',
  runtimeVersion: '1',
  capabilities: { components: true },
  maxModules: 10,
  hardware: { cpuCores: 2, totalMemoryMB: 100, architecture: 'x64' },
  dataPlaneUrl: 'http://127.0.0.1:1',
  publicKey: { kty: 'OKP', x: nodeId },
  ...changes,
});

describe.each(backends)('on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  let tenants = 0;
  const newTenant = (): string => `tenant-${++tenants}`;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  describe('ModuleRepository', () => {
    it('registers a version once and gives it back exactly', async () => {
      const modules = new ModuleRepository(database);
      const tenant = newTenant();
      const { module: stored, created } = await modules.insert(module(tenant, '1.0.0'));
      expect(created).toBe(true);
      const { createdAt, ...rest } = stored;
      expect(rest).toEqual(module(tenant, '1.0.0'));
      expect(Math.abs(createdAt - Date.now())).toBeLessThan(60_000);
      expect(await modules.insert(module(tenant, '1.0.0'))).toEqual({ module: stored, created: false });
      expect(await modules.get(tenant, 'greeter-v1.0.0')).toEqual(stored);
      await expect(modules.get('other', 'greeter-v1.0.0')).rejects.toMatchObject({
        code: 'HS_REGISTRY_MODULE_NOT_FOUND',
      });
    });

    it('refuses other content under a registered version and names what differs', async () => {
      const modules = new ModuleRepository(database);
      const tenant = newTenant();
      await modules.insert(module(tenant, '1.0.0'));
      const other = module(tenant, '1.0.0', { digest: 'b'.repeat(64), healthCheck: {} });
      await expect(modules.insert(other)).rejects.toMatchObject({
        code: 'HS_REGISTRY_MODULE_EXISTS',
        details: { moduleId: 'greeter-v1.0.0', differs: 'digest, healthCheck' },
      });
    });

    it('gives several releases at once, those that are there and of this tenant', async () => {
      const [scene, other] = [new Scene(database), new Scene(database)];
      const ids = [await scene.release('7.0.0'), await scene.release('8.0.0')];
      const asked = [...ids, ...ids, await other.release('9.0.0'), 'rel-none'];
      const found = await scene.releases.getSome(scene.tenant, asked);
      expect(found).toEqual(await Promise.all([...ids].sort().map((id) => scene.releases.get(scene.tenant, id))));
      expect(await scene.releases.getSome(scene.tenant, [])).toEqual([]);
    });

    it('keeps how a module is reached and run, and makes another release of another way', async () => {
      const modules = new ModuleRepository(database);
      const releases = new ReleaseRepository(database);
      const tenant = newTenant();
      const http = { hosts: [], pathPrefix: '/', access: 'keys', affinity: { header: 'x-user' } } as const;
      const runtime = { ...defaultModuleRuntime, stateful: true };
      await modules.insert(module(tenant, '1.0.0', { http, runtime }));
      expect(await modules.get(tenant, 'greeter-v1.0.0')).toMatchObject({ http, runtime });
      await expect(modules.insert(module(tenant, '1.0.0'))).rejects.toMatchObject({
        details: { differs: 'http, runtime' },
      });
      const content = {
        tenant,
        moduleId: 'greeter-v1.0.0',
        moduleName: 'greeter',
        version: '1.0.0',
        digest: 'ab'.repeat(32),
        sizeBytes: 1,
        config: {},
        capabilities: noCapabilities,
        resourceLimits: defaultResourceLimits,
        healthCheck: {},
      };
      const plain = await releases.insert({ ...content, http: null, runtime: defaultModuleRuntime });
      const served = await releases.insert({ ...content, http, runtime: defaultModuleRuntime });
      const living = await releases.insert({ ...content, http, runtime });
      expect(new Set([plain, served, living].map(({ releaseId }) => releaseId)).size).toBe(3);
      // What it was before these fields existed: releases of older databases are found again.
      expect(plain.releaseId).toBe('rel-21cc1770e3fd13fe');
      expect(await releases.get(tenant, living.releaseId)).toMatchObject({ http, runtime });
    });

    it('finds the next patch by number, passing over pre-releases', async () => {
      const modules = new ModuleRepository(database);
      const tenant = newTenant();
      expect(await modules.nextVersion(tenant, 'greeter')).toBe('1.0.0');
      for (const version of ['1.2.9', '1.10.2', '1.9.0', '2.0.0-beta.1']) await modules.insert(module(tenant, version));
      expect(await modules.nextVersion(tenant, 'greeter')).toBe('1.10.3');
    });

    it('lists the newest first, in pages', async () => {
      const modules = new ModuleRepository(database);
      const tenant = newTenant();
      for (const version of ['1.0.0', '1.0.1', '1.0.2']) await modules.insert(module(tenant, version));
      await modules.insert(module(tenant, '1.0.0', { name: 'other', moduleId: 'other-v1.0.0' }));
      const first = await modules.list(tenant, { name: 'greeter', limit: 2 });
      expect(first.items.map(({ version }) => version)).toEqual(['1.0.2', '1.0.1']);
      const second = await modules.list(tenant, { name: 'greeter', limit: 2, cursor: first.nextCursor ?? '' });
      expect([second.items.map(({ version }) => version), second.nextCursor]).toEqual([['1.0.0'], null]);
      expect((await modules.list(tenant)).items).toHaveLength(4);
    });

    it('deletes what nothing uses, and names the user otherwise', async () => {
      const scene = new Scene(database);
      const used = await scene.release('1.0.0');
      await scene.release('2.0.0');
      await scene.serve('d', used, await scene.join(1));
      await expect(scene.modules.delete(scene.tenant, 'greeter-v1.0.0')).rejects.toMatchObject({
        code: 'HS_REGISTRY_MODULE_IN_USE',
        details: { usedBy: 'node n0' },
      });
      expect(await scene.modules.delete(scene.tenant, 'greeter-v2.0.0')).toMatchObject({ lastOfDigest: true });
      await expect(scene.modules.delete(scene.tenant, 'greeter-v2.0.0')).rejects.toMatchObject({
        code: 'HS_REGISTRY_MODULE_NOT_FOUND',
      });
    });
  });

  describe('NodeRepository', () => {
    it('admits as many nodes as the join token says, from its regions, in its time', async () => {
      const nodes = new NodeRepository(database);
      const tenant = newTenant();
      const about = { tenant, uses: 1, expiresInMs: 60_000, regions: ['eu'], createdBy: 'admin' };
      const { token, expiresAt } = await nodes.createJoinToken(about);
      expect(expiresAt).toBeGreaterThan(Date.now());
      await expect(nodes.register(token, node('n1', { region: 'us' }))).rejects.toMatchObject({
        code: 'HS_AUTH_REGION_NOT_ALLOWED',
      });
      const joined = await nodes.register(token, node('n1'));
      expect(await nodes.authenticate(joined.credential)).toEqual({ tenant, nodeId: 'n1' });
      expect(await nodes.authenticate('hsn_wrong')).toBeNull();
      await expect(nodes.register(token, node('n2'))).rejects.toMatchObject({ code: 'HS_AUTH_INVALID_JOIN_TOKEN' });
      const late = await nodes.createJoinToken({ ...about, expiresInMs: -1 });
      await expect(nodes.register(late.token, node('n2'))).rejects.toMatchObject({
        code: 'HS_AUTH_INVALID_JOIN_TOKEN',
      });
      const many = await nodes.createJoinToken({ ...about, uses: 3 });
      const results = await Promise.allSettled(
        Array.from({ length: 6 }, (_, i) => nodes.register(many.token, node(`m${i}`))),
      );
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(3);
    });

    it('raises one alert when a join token is sent again that is used up, and none for others', async () => {
      const nodes = new NodeRepository(database);
      const tenant = newTenant();
      const { token } = await nodes.createJoinToken({
        ...{ tenant, uses: 1, expiresInMs: 60_000, regions: null, createdBy: 'admin' },
      });
      await nodes.register(token, node('n1'));
      for (const other of [token, token, 'hsj_unknown'])
        await expect(nodes.register(other, node('thief'))).rejects.toMatchObject({
          code: 'HS_AUTH_INVALID_JOIN_TOKEN',
        });
      const alerts = await database.query<object>(
        'select node_id, severity, text, facts from outbox where tenant = $1',
        [tenant],
      );
      expect(alerts).toEqual([
        {
          ...{ node_id: 'thief', severity: 'warning', facts: { createdBy: 'admin' } },
          text: 'A join token that is used up was sent again to register thief: look at who has it',
        },
      ]);
      const acts = await new AuditRepository(database).list(tenant, { limit: 10, action: 'joinToken.reuse' });
      expect(acts.map(({ object, facts }) => [object, facts])).toEqual([['thief', { createdBy: 'admin' }]]);
    });

    it('lets a known node join again with its key alone, and ends its old credential', async () => {
      const nodes = new NodeRepository(database);
      const tenant = newTenant();
      const { token } = await nodes.createJoinToken({
        tenant,
        uses: 5,
        expiresInMs: 60_000,
        regions: null,
        createdBy: 'admin',
      });
      const first = await nodes.register(token, node('n1'));
      await expect(nodes.register(token, node('n1', { publicKey: 'another' }))).rejects.toMatchObject({
        code: 'HS_NODE_EXISTS',
      });
      const second = await nodes.register(token, node('n1', { publicKey: { x: 'n1', kty: 'OKP' } }));
      expect([await nodes.authenticate(first.credential), await nodes.authenticate(second.credential)]).toEqual([
        null,
        { tenant, nodeId: 'n1' },
      ]);
    });

    it('keeps what people decided when a node opens a session, and moves its routes', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      await scene.serve('d', release, await scene.join(1));
      await scene.nodes.update(scene.tenant, 'n0', { isEnabled: false, labels: { a: 'b' } });
      const before = await scene.fleet.routeRevision(scene.tenant, 'greeter');
      await scene.nodes.openSession(
        scene.tenant,
        node('n0', { dataPlaneUrl: 'http://127.0.0.1:2', runtimeVersion: '9' }),
      );
      expect(await scene.fleet.routeRevision(scene.tenant, 'greeter')).toBe(before + 1);
      const found = await scene.nodes.get(scene.tenant, 'n0');
      expect(found).toMatchObject({
        isEnabled: false,
        labels: { a: 'b' },
        runtimeVersion: '9',
        dataPlaneUrl: 'http://127.0.0.1:2',
        deployedModules: ['greeter-v1.0.0'],
        generation: 2,
        observedGeneration: 2,
        modulesLoaded: 1,
        cpuUsagePercent: 1,
        memoryUsageMB: 2,
      });
      expect(found.silentForMs).toBeLessThan(60_000);
      await expect(scene.nodes.openSession(scene.tenant, node('nobody'))).rejects.toMatchObject({
        code: 'HS_NODE_NOT_FOUND',
      });
    });

    it('moves the routes of a node that joins again where it is reached elsewhere', async () => {
      const scene = new Scene(database);
      const joinToken = await scene.nodes.createJoinToken({
        ...{ tenant: scene.tenant, uses: 3, expiresInMs: 60_000, regions: null, createdBy: 'admin' },
      });
      await scene.nodes.register(joinToken.token, node('n0'));
      await scene.serve('d', await scene.release('1.0.0'), ['n0']);
      const before = await scene.fleet.routeRevision(scene.tenant, 'greeter');
      await scene.nodes.register(joinToken.token, node('n0'));
      expect(await scene.fleet.routeRevision(scene.tenant, 'greeter')).toBe(before);
      await scene.nodes.register(joinToken.token, node('n0', { dataPlaneUrl: 'http://127.0.0.1:2' }));
      await scene.nodes.openSession(scene.tenant, node('n0', { dataPlaneUrl: 'http://127.0.0.1:2' }));
      expect(await scene.fleet.routeRevision(scene.tenant, 'greeter')).toBe(before + 1);
    });

    it('holds a node to the regions of the token that it joined with', async () => {
      const nodes = new NodeRepository(database);
      const tenant = newTenant();
      const tokenFor = async (regions: readonly string[] | null): Promise<string> =>
        (await nodes.createJoinToken({ tenant, uses: 2, expiresInMs: 60_000, regions, createdBy: 'admin' })).token;
      await nodes.register(await tokenFor(['eu', 'eu-north']), node('n1'));
      await nodes.openSession(tenant, node('n1', { region: 'eu-north' }));
      await expect(nodes.openSession(tenant, node('n1', { region: 'us' }))).rejects.toMatchObject({
        code: 'HS_AUTH_REGION_NOT_ALLOWED',
      });
      expect(await nodes.get(tenant, 'n1')).toMatchObject({ region: 'eu-north' });
      await nodes.register(await tokenFor(null), node('n1', { region: 'us' }));
      await nodes.openSession(tenant, node('n1', { region: 'asia' }));
      expect(await nodes.get(tenant, 'n1')).toMatchObject({ region: 'asia' });
    });

    it('is full of what it was given, before it has reported any of it', async () => {
      const scene = new Scene(database);
      const [greeter] = [await scene.release('1.0.0'), await scene.release('2.0.0', 'other')];
      const targets = await scene.join(2);
      const loaded = async (): Promise<readonly number[]> =>
        (await scene.fleet.candidates(scene.tenant, 'other', null)).map(({ modulesLoaded }) => modulesLoaded);
      await scene.deploy('d', greeter, targets);
      expect(await loaded()).toEqual([0, 0]);
      await scene.change('d', { kind: 'assign', nodes: [[0, 1]], releaseId: greeter });
      expect(await loaded()).toEqual([1, 0]);
      await scene.report('n0', await scene.generation('n0'), [{ releaseId: greeter, state: 'failed' }]);
      expect(await loaded()).toEqual([1, 0]);
    });

    it('lists by region and id with filters, and deletes', async () => {
      const nodes = new NodeRepository(database);
      const tenant = newTenant();
      const { token } = await nodes.createJoinToken({
        tenant,
        uses: 9,
        expiresInMs: 60_000,
        regions: null,
        createdBy: 'admin',
      });
      for (const [id, region] of [
        ['b', 'eu'],
        ['a', 'us'],
        ['c', 'eu'],
      ] as const)
        await nodes.register(token, node(id, { region, labels: { id } }));
      const ids = async (query: Parameters<NodeRepository['list']>[1]): Promise<string> =>
        (await nodes.list(tenant, query)).items.map(({ nodeId }) => nodeId).join('');
      expect([
        await ids({}),
        await ids({ region: 'eu' }),
        await ids({ label: { name: 'id', value: 'a' } }),
        await ids({ isReachable: true }),
      ]).toEqual(['bca', 'bc', 'a', '']);
      const first = await nodes.list(tenant, { limit: 2 });
      expect(await ids({ limit: 2, cursor: first.nextCursor ?? '' })).toBe('a');
      await nodes.delete(tenant, 'c');
      await expect(nodes.delete(tenant, 'c')).rejects.toMatchObject({ code: 'HS_NODE_NOT_FOUND' });
      expect(await ids({})).toBe('ba');
    });
  });

  describe('IdempotencyRepository', () => {
    it('lets one of many equal requests through and answers the rest alike', async () => {
      const keys = new IdempotencyRepository(database);
      const request = { tenant: newTenant(), principal: 'admin', key: 'k', requestHash: 'h' };
      const starts = await Promise.all(Array.from({ length: 8 }, () => keys.begin(request)));
      expect(starts.map(({ kind }) => kind).sort()).toEqual([...Array.from({ length: 7 }, () => 'running'), 'started']);
      const owner = starts.find((start) => start.kind === 'started')?.owner ?? '';
      expect(await keys.begin({ ...request, requestHash: 'other' })).toEqual({ kind: 'mismatch' });
      expect(await keys.begin({ ...request, principal: 'somebody' })).toMatchObject({ kind: 'started' });
      await keys.complete(request, owner, { status: 201 });
      expect(await keys.begin(request)).toEqual({ kind: 'answered', answer: { status: 201 } });
    });

    it('holds a key for as long as its claim is renewed, and for a minute after that', async () => {
      const keys = new IdempotencyRepository(database);
      const request = { tenant: newTenant(), principal: 'admin', key: 'k', requestHash: 'h' };
      const start = await keys.begin(request);
      const owner = start.kind === 'started' ? start.owner : expect.unreachable(start.kind);
      const age = (seconds: number): Promise<unknown> =>
        database.execute(
          `update idempotency_keys set running_until = running_until - $2::float8 * interval '1 second' where tenant = $1`,
          [request.tenant, seconds],
        );
      for (let minutes = 0; minutes < 3; minutes++) {
        await age(40);
        expect(await keys.renew(request, owner)).toBe(true);
        await age(40);
        expect(await keys.begin(request)).toEqual({ kind: 'running' });
      }
      await age(40);
      expect(await keys.begin(request)).toMatchObject({ kind: 'started' });
      expect(await keys.renew(request, owner)).toBe(false);
    });

    it('gives a key back when the request failed, when its server died, and after a day', async () => {
      const keys = new IdempotencyRepository(database);
      const request = { tenant: newTenant(), principal: 'admin', key: 'k', requestHash: 'h' };
      const begin = async (): Promise<string> => {
        const start = await keys.begin(request);
        return start.kind === 'started' ? start.owner : start.kind;
      };
      await keys.abandon(request, await begin());
      const dead = await begin();
      await database.execute(
        `update idempotency_keys set running_until = now() - interval '1 second' where tenant = $1`,
        [request.tenant],
      );
      const owner = await begin();
      await keys.complete(request, dead, { from: 'the dead' });
      expect(await begin()).toBe('running');
      await keys.complete(request, owner, { ok: true });
      expect(await begin()).toBe('answered');
      await database.execute(`update idempotency_keys set expires_at = now() - interval '1 second' where tenant = $1`, [
        request.tenant,
      ]);
      expect(await begin()).toMatch(/-/);
      await database.execute(`update idempotency_keys set expires_at = now() - interval '1 second' where tenant = $1`, [
        request.tenant,
      ]);
      expect(await keys.deleteExpired()).toBe(1);
    });
  });

  describe('CredentialRepository and SettingRepository', () => {
    it('know a token by its hash until it expires, is revoked or replaced', async () => {
      const credentials = new CredentialRepository(database);
      const tenant = newTenant();
      const { token, credential } = await credentials.create({
        tenant,
        credentialId: 'local-admin',
        subject: 'admin@local',
        role: 'admin',
      });
      expect(await credentials.authenticate(token)).toEqual(credential);
      expect(await credentials.list(tenant)).toEqual([credential]);
      const stored = await database.query('select * from credentials where tenant = $1', [tenant]);
      expect(JSON.stringify(stored)).not.toContain(token);
      await credentials.put({ tenant, credentialId: 'local-admin', subject: 'admin@local', role: 'admin' }, 'my own');
      expect(await credentials.authenticate(token)).toBeNull();
      expect(await credentials.authenticate('my own')).toMatchObject({ role: 'admin' });
      expect([
        await credentials.revoke(tenant, 'local-admin'),
        await credentials.revoke(tenant, 'local-admin'),
      ]).toEqual([true, false]);
      expect(await credentials.authenticate('my own')).toBeNull();
      const short = await credentials.create({ tenant, subject: 'x', role: 'viewer', expiresInMs: -1 });
      expect(await credentials.authenticate(short.token)).toBeNull();
    });

    it('servers that start together get one setting', async () => {
      const settings = new SettingRepository(database);
      const values = await Promise.all(
        Array.from({ length: 5 }, (_, i) => settings.findOrCreate('signing-key', () => ({ key: i }))),
      );
      expect(new Set(values.map((value) => JSON.stringify(value))).size).toBe(1);
      await settings.put('signing-key', 'new');
      expect([await settings.find('signing-key'), await settings.find('none')]).toEqual(['new', undefined]);
    });
  });

  it('DatabaseClock tells the time of the database and never turns back', async () => {
    using clock = await DatabaseClock.open(database);
    const [row] = await database.query<{ ms: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
    );
    expect(Math.abs(clock.now() - (row?.ms ?? 0))).toBeLessThan(1_000);
    const times = [clock.now() + 5_000, 1_000];
    const jumping = {
      query: () => Promise.resolve([{ nowMs: times.shift() }] as never),
      execute: () => Promise.resolve(0),
    };
    using other = await DatabaseClock.open(jumping);
    const before = other.now();
    await other.refresh();
    expect(times).toEqual([]);
    expect(other.now()).toBeGreaterThanOrEqual(before);
  });

  it('reports text that cannot be stored, and SQL faults without SQL', async () => {
    await expect(database.query('select $1::text', ['a\0b'])).rejects.toMatchObject({
      code: 'HS_STORE_INVALID_TEXT',
      httpStatus: 400,
    });
    const failure = (await database
      .query('select secret_thing from nowhere')
      .catch((error: unknown) => error)) as Error & { code: string };
    expect(failure.code).toBe('HS_STORE_QUERY_FAILED');
    expect(failure.message).not.toContain('nowhere');
  });
});
