import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHotSwapClient, type HotSwapClient } from '@hotswap/protocol';
import { CredentialRepository, openDatabase } from '@hotswap/state-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const deployments = '/api/v1/wasm/deployments';

describe('a production server', () => {
  let dataDir: string;
  let test: TestServer;
  let agent: ScriptedAgent;
  const tokens: Record<string, string> = {};
  const as = (who: string): HotSwapClient => createHotSwapClient({ baseUrl: test.url, token: tokens[who] ?? '' });

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-approvals-'));
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const credentials = new CredentialRepository(database);
    for (const [subject, role] of [
      ['dev@example.com', 'developer'],
      ['admin@example.com', 'admin'],
      ['other@example.com', 'admin'],
    ] as const)
      tokens[subject] = (await credentials.create({ tenant: 'default', subject, role })).token;
    await database[Symbol.asyncDispose]();
    test = await startTestServer(
      { dataDir, environment: 'Production', host: '127.0.0.1' },
      { database: { dataDir: join(dataDir, 'database') } },
    );
    const { token } = await as('admin@example.com').nodes.createJoinToken({ uses: 1 });
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token });
    await agent.start();
    const admin = as('admin@example.com');
    for (const version of ['1.0.0', '2.0.0', '3.0.0', '4.0.0'])
      await admin.modules.register({ name: 'greeter', version, wasm: coreModule({ salt: version }) });
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const create = async (who: string, moduleId: string): Promise<string> => {
    const created = await as(who).deployments.create({ moduleId, strategy: 'AllAtOnce' });
    expect(created).toMatchObject({ status: 'PendingApproval', requireApproval: true, createdBy: who });
    return created.deploymentId;
  };
  const statusOf = async (id: string): Promise<string> => (await as('dev@example.com').deployments.get(id)).status;
  const post = async (who: string, id: string, command: string, body: object = {}) => {
    const { status, body: answer } = await test.send('POST', `${deployments}/${id}/${command}`, {
      body,
      token: tokens[who] ?? '',
    });
    return [status, answer['code'] ?? answer['status']];
  };

  it('takes the execution by an admin who is not the author as the approval, as in runbook 1', async () => {
    const id = await create('dev@example.com', 'greeter-v1.0.0');
    expect(await post('dev@example.com', id, 'execute')).toEqual([403, 'HS_AUTH_FORBIDDEN']);
    expect(await post('admin@example.com', id, 'execute', { approvedBy: 'other@example.com' })).toEqual([
      403,
      'HS_AUTH_APPROVER_MISMATCH',
    ]);
    expect(await post('admin@example.com', id, 'execute', { approvedBy: 'admin@example.com' })).toEqual([
      202,
      'InProgress',
    ]);
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('Completed');
    expect(await as('dev@example.com').deployments.get(id)).toMatchObject({ approval: { by: 'admin@example.com' } });
    const { entries } = await as('dev@example.com').deployments.journal(id);
    expect(entries.map((entry) => entry.explanation).join('\n')).toMatch(
      /admin@example\.com approved this specification of rel-/,
    );
  });

  it('refuses authors, other deployments and second uses of an approval', async () => {
    const id = await create('admin@example.com', 'greeter-v2.0.0');
    expect(await post('admin@example.com', id, 'execute')).toEqual([409, 'HS_AUTH_SELF_APPROVAL']);
    expect(await post('admin@example.com', id, 'approve')).toEqual([409, 'HS_AUTH_SELF_APPROVAL']);
    expect(await post('dev@example.com', id, 'approve')).toEqual([403, 'HS_AUTH_FORBIDDEN']);
    expect(await post('other@example.com', id, 'approve', { approvedBy: 'admin@example.com' })).toEqual([
      403,
      'HS_AUTH_APPROVER_MISMATCH',
    ]);
    expect(await post('other@example.com', id, 'approve', { releaseId: 'rel-0000000000000000' })).toEqual([
      409,
      'HS_DEPLOYMENT_APPROVAL_VOID',
    ]);
    expect(await post('other@example.com', id, 'approve', { approvedBy: 'other@example.com' })).toEqual([
      202,
      'Pending',
    ]);
    expect(await post('admin@example.com', id, 'execute')).toEqual([202, 'InProgress']);
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('Completed');
    expect(await post('other@example.com', id, 'approve')).toEqual([409, 'HS_DEPLOYMENT_COMMAND_REFUSED']);
    const next = await create('admin@example.com', 'greeter-v3.0.0');
    expect(await post('admin@example.com', next, 'execute')).toEqual([409, 'HS_AUTH_SELF_APPROVAL']);
    expect(await post('other@example.com', next, 'reject', { reason: 'not now' })).toEqual([202, 'Cancelled']);
    expect(await as('admin@example.com').deployments.get(next)).toMatchObject({
      reason: 'Rejected by other@example.com: not now',
    });
  });

  it('holds an approval to the state that the approver has seen', async () => {
    const id = await create('dev@example.com', 'greeter-v4.0.0');
    const { status, body } = await test.send('POST', `${deployments}/${id}/approve`, {
      body: {},
      headers: { 'if-match': '"something-else"' },
      token: tokens['admin@example.com'] ?? '',
    });
    expect([status, body['code']]).toEqual([412, 'HS_API_STALE']);
  });
});
