import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredRelease } from '@hotswap/core';
import { CredentialRepository, openDatabase } from '@hotswap/state-postgres';
import { ScriptedAgent, type ScriptedRelease } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';
const regions = ['us-east', 'us-west', 'eu-central'];

/** Runbooks 1 to 3 of text 000, request by request, on a server of a production environment. */
describe('the runbooks', () => {
  let dataDir: string;
  let test: TestServer;
  let joinToken: string;
  const agents = new Map<string, ScriptedAgent>();
  const scripts = new Map<string, ScriptedRelease>();
  const tokens: Record<'TOKEN' | 'ADMIN_TOKEN', string> = { TOKEN: '', ADMIN_TOKEN: '' };

  const startNode = async (nodeId: string, region: string): Promise<void> => {
    const releases = (release: DesiredRelease): ScriptedRelease => scripts.get(release.moduleId) ?? {};
    const agent = new ScriptedAgent({ url: test.url, nodeId, region, joinToken, releases });
    agents.set(nodeId, agent);
    await agent.start();
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-runbooks-'));
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const credentials = new CredentialRepository(database);
    for (const [name, subject, role] of [
      ['TOKEN', 'dev@example.com', 'developer'],
      ['ADMIN_TOKEN', 'admin@example.com', 'admin'],
    ] as const)
      tokens[name] = (await credentials.create({ tenant: 'default', subject, role })).token;
    await database[Symbol.asyncDispose]();
    test = await startTestServer(
      { dataDir, environment: 'Production', host: '127.0.0.1' },
      { database: { dataDir: join(dataDir, 'database') } },
    );
    const made = await curl('POST', `${api}/join-tokens`, 'ADMIN_TOKEN', { uses: 20 });
    joinToken = String(made['token']);
    for (const region of regions) for (const n of ['01', '02']) await startNode(`edge-${region}-${n}`, region);
  });

  afterAll(async () => {
    await Promise.all([...agents.values()].map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const curl = async (
    method: string,
    path: string,
    as: keyof typeof tokens,
    body?: unknown,
  ): Promise<Record<string, unknown>> => {
    const answer = await test.send(method, path, { token: tokens[as], ...(body === undefined ? {} : { body }) });
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    return answer.body;
  };
  const payload = (version: string): object => ({
    name: 'image-processor',
    version,
    wasmBinary: coreModule({ salt: version, imports: [['wasi_snapshot_preview1', 'path_open']] }).toString('base64'),
    wasiVersion: 'preview1',
    interfaces: ['wasi:http', 'wasi:filesystem'],
    resourceLimits: { maxMemoryMB: 128, maxCpuPercent: 50 },
  });
  const statusOf = async (id: string): Promise<unknown> =>
    (await curl('GET', `${api}/deployments/${id}`, 'TOKEN'))['status'];
  /** Runbook 1, steps 1 to 4. */
  const deploy = async (version: string, deployment: object): Promise<string> => {
    const { moduleId } = await curl('POST', `${api}/modules`, 'TOKEN', payload(version));
    const { deploymentId } = await curl('POST', `${api}/deployments`, 'TOKEN', {
      moduleId,
      targetRegions: regions,
      ...deployment,
    });
    const id = String(deploymentId);
    expect(await statusOf(id)).toBe('PendingApproval');
    await curl('POST', `${api}/deployments/${id}/execute`, 'ADMIN_TOKEN', { approvedBy: 'admin@example.com' });
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('Completed');
    return id;
  };
  const allAtOnce = { strategy: 'AllAtOnce' };
  const serving = async (): Promise<unknown> => {
    const { releases } = await curl('GET', `${api}/routes/image-processor`, 'TOKEN');
    return (releases as { version: string; percent: number }[]).map(({ version, percent }) => `${version} ${percent}`);
  };
  const invoke = () => curl('POST', `${api}/modules/image-processor/functions/run/invoke`, 'TOKEN', { args: [] });

  it('1: a new module is registered, deployed with an approval, watched, verified, and rolled back if needed', async () => {
    await deploy('1.1.0', allAtOnce);
    const id = await deploy('1.2.0', {
      strategy: 'Canary',
      canaryConfig: { initialPercentage: 50, incrementPercentage: 50, evaluationPeriod: 'PT0.3S' },
    });
    const deployment = await curl('GET', `${api}/deployments/${id}`, 'TOKEN');
    expect(deployment).toMatchObject({
      status: 'Completed',
      progressPercent: 100,
      previousModuleId: 'image-processor-v1.1.0',
      approval: { by: 'admin@example.com' },
    });
    const nodes = deployment['nodes'] as { outcome: string; health?: string }[];
    expect(nodes.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 6 }, () => 'ok'));
    expect(await invoke()).toMatchObject({ moduleId: 'image-processor-v1.2.0' });

    await curl('POST', `${api}/deployments/${id}/rollback`, 'ADMIN_TOKEN', { reason: 'High error rate detected' });
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('RolledBack');
    expect(await serving()).toEqual(['1.1.0 100']);
    expect(await curl('GET', `${api}/deployments/${id}`, 'TOKEN')).toMatchObject({
      reason: 'High error rate detected',
    });
  });

  it('2: a node that fails is taken out, its requests go elsewhere, and it comes back up to date', async () => {
    const node = `${api}/nodes/edge-us-east-01`;
    await agents.get('edge-us-east-01')?.stop();
    for (let n = 0; n < 20; n++)
      expect(await invoke()).toMatchObject({ nodeId: expect.not.stringMatching('edge-us-east-01') as string });
    expect(await curl('GET', `${node}/health`, 'TOKEN')).toMatchObject({ nodeId: 'edge-us-east-01' });

    expect(await curl('PUT', node, 'ADMIN_TOKEN', { isEnabled: false })).toMatchObject({ status: 'Disabled' });
    const id = await deploy('1.3.0', allAtOnce);
    const targets = (await curl('GET', `${api}/deployments/${id}`, 'TOKEN'))['nodes'] as { nodeId: string }[];
    expect(targets.map(({ nodeId }) => nodeId)).not.toContain('edge-us-east-01');
    expect(targets).toHaveLength(5);

    await startNode('edge-us-east-01', 'us-east');
    expect(await curl('PUT', node, 'ADMIN_TOKEN', { isEnabled: true })).toMatchObject({ isEnabled: true });
    await expect
      .poll(async () => (await curl('GET', `${node}/health`, 'TOKEN'))['status'], { timeout: 20_000 })
      .toBe('Healthy');
    await expect
      .poll(async () => (await curl('GET', node, 'TOKEN'))['deployedModules'], { timeout: 20_000 })
      .toContain('image-processor-v1.3.0');
    await expect.poll(serving, { timeout: 20_000 }).toEqual(['1.3.0 100']);
  });

  it('3: an incident is ended by one request while calls go on, and the journal is there for the analysis', async () => {
    const before = await serving();
    const id = await deploy('1.4.0', allAtOnce);
    scripts.set('image-processor-v1.4.0', { fails: true });
    const { status } = await test.send('POST', `${api}/modules/image-processor/functions/run/invoke`, {
      token: tokens.TOKEN,
      body: { args: [] },
    });
    expect(status).toBe(422);

    await curl('POST', `${api}/deployments/${id}/rollback`, 'ADMIN_TOKEN', {
      reason: 'Production incident - high error rate',
    });
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('RolledBack');
    expect(await serving()).toEqual(before);
    for (let n = 0; n < 20; n++) expect(await invoke()).toMatchObject({ moduleId: 'image-processor-v1.3.0' });

    const { entries } = await curl('GET', `${api}/deployments/${id}/journal?limit=1000`, 'TOKEN');
    const story = (entries as { explanation: string }[]).map(({ explanation }) => explanation);
    expect(story).toContain('admin@example.com asked for rollback: Production incident - high error rate.');
    expect(story.at(-1)).toMatch(/closed the deployment as RolledBack/);
  });

  it('keeps what a rollback may need: modules that served cannot be deleted', async () => {
    for (const moduleId of ['image-processor-v1.3.0', 'image-processor-v1.1.0']) {
      const { status, body } = await test.send('DELETE', `${api}/modules/${moduleId}`, { token: tokens.ADMIN_TOKEN });
      expect([status, body['code']]).toEqual([409, 'HS_REGISTRY_MODULE_IN_USE']);
    }
  });

  it('goes back to a release from long before, and to what served before in some regions only', async () => {
    const { releases } = await curl('GET', `${api}/releases?moduleName=image-processor`, 'TOKEN');
    const releaseOf = (version: string): string =>
      (releases as { version: string; releaseId: string }[]).find((one) => one.version === version)?.releaseId ?? '';
    const id = await deploy('1.5.0', allAtOnce);
    const rollback = `${api}/deployments/${id}/rollback`;
    await curl('POST', rollback, 'ADMIN_TOKEN', { regions: ['us-west'] });
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('PartiallyCompleted');
    expect(await serving()).toEqual(expect.arrayContaining(['1.5.0 66.67', '1.3.0 33.33']));
    const refused = await test.send('POST', rollback, { token: tokens.ADMIN_TOKEN, body: { toReleaseId: 'rel-none' } });
    expect([refused.status, refused.body['code']]).toEqual([404, 'HS_REGISTRY_RELEASE_NOT_FOUND']);
    await curl('POST', rollback, 'ADMIN_TOKEN', { toReleaseId: releaseOf('1.1.0'), reason: '1.3.0 has it too' });
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('RolledBack');
    expect(await serving()).toEqual(['1.1.0 100']);
    expect(await invoke()).toMatchObject({ moduleId: 'image-processor-v1.1.0' });
  });

  it('tells what would change from what serves now to a release', async () => {
    const { releases } = await curl('GET', `${api}/releases?moduleName=image-processor`, 'TOKEN');
    const newest = (releases as { version: string; releaseId: string }[]).find(({ version }) => version === '1.5.0');
    const diff = await curl('GET', `${api}/releases/${newest?.releaseId ?? ''}/diff`, 'TOKEN');
    expect((diff['changes'] as { sentence: string }[]).map(({ sentence }) => sentence)).toEqual([
      expect.stringMatching(/^The code changes from /),
      'The version changes from 1.1.0 to 1.5.0.',
    ]);
  });
});
