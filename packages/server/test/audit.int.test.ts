import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CredentialRepository, openDatabase } from '@hotswap/state-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditAct } from '@hotswap/core';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';

/** What each request that can change something puts on record; `null`: it decides nothing, and why. */
const onRecord: Readonly<Record<string, string | null>> = {
  'POST /modules': 'module.register',
  'DELETE /modules/{moduleId}': 'module.delete',
  'POST /deployments': 'deployment.create',
  ...Object.fromEntries(
    ['approve', 'reject', 'execute', 'pause', 'resume', 'promote', 'retry', 'abort', 'rollback'].map((command) => [
      `POST /deployments/{id}/${command}`,
      `deployment.${command}`,
    ]),
  ),
  'POST /trains': 'train.create',
  'POST /trains/{id}/execute': 'train.execute',
  'POST /trains/{id}/abort': 'train.abort',
  'POST /trains/{id}/rollback': 'train.rollback',
  'POST /join-tokens': 'joinToken.create',
  'POST /nodes': 'node.register',
  'PUT /nodes/{id}': 'node.change',
  'DELETE /nodes/{id}': 'node.delete',
  'PUT /nodes/{id}/session': 'node.session',
  'PUT /routes/{name}': 'route.set',
  'DELETE /routes/{name}': 'route.delete',
  'POST /interfaces': 'interface.register',
  'POST /interfaces/{name}/{version}/approve': 'interface.decide',
  'POST /interfaces/{name}/{version}/reject': 'interface.decide',
  'POST /interfaces/{name}/{version}/deprecate': 'interface.decide',
  'POST /interfaces/{name}/{version}/consumers': 'interface.putConsumer',
  'DELETE /interfaces/{name}/{version}/consumers/{consumer}': 'interface.removeConsumer',
  // Reports of nodes say what is, not what shall be.
  'POST /nodes/{id}/heartbeat': null,
  'POST /nodes/{id}/health': null,
  // Nothing is stored.
  'POST /modules/validate': null,
  'POST /modules/{moduleId}/validate': null,
  'POST /modules/{ref}/functions/{function}/invoke': null,
  'POST /deployments/simulate': null,
  'POST /trains/simulate': null,
  'POST /interfaces/validate': null,
};

describe('the audit chain', () => {
  let dataDir: string;
  let test: TestServer;
  let agent: ScriptedAgent;
  let token: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-audit-'));
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    ({ token } = await new CredentialRepository(database).create({
      tenant: 'default',
      subject: 'ann@example.com',
      role: 'admin',
    }));
    await database[Symbol.asyncDispose]();
    test = await startTestServer({ dataDir }, { database: { dataDir: join(dataDir, 'database') } });
    const { token: joinToken } = await test.client.nodes.createJoinToken({ uses: 1 });
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken });
    await agent.start();
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const acts = async (): Promise<readonly AuditAct[]> => (await test.client.audit.list({ limit: 1_000 })).acts;
  /** What a request put on record. */
  const actsOf = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<readonly (readonly [status: number, ...string[]])[]> => {
    const before = (await acts()).length;
    const requestId = `test-${before}-${Math.random().toString(36).slice(2)}`;
    const { status } = await test.send(method, path, {
      token,
      headers: { 'x-request-id': requestId },
      ...(body === undefined ? {} : { body }),
    });
    return (await acts())
      .slice(before)
      .filter((act) => act.requestId === requestId)
      .map(({ actor, role, action, object }) => [status, actor, String(role), action, object]);
  };
  const ann = ['ann@example.com', 'admin'] as const;

  it('has exactly one act for each change, in the name of whoever holds the token', async () => {
    const wasmBinary = Buffer.from(coreModule({ salt: 'audit' })).toString('base64');
    expect(await actsOf('POST', `${api}/modules`, { name: 'greeter', version: '1.0.0', wasmBinary })).toEqual([
      [201, ...ann, 'module.register', 'greeter-v1.0.0'],
    ]);
    expect(await actsOf('POST', `${api}/join-tokens`, { uses: 1 })).toEqual([
      [201, ...ann, 'joinToken.create', 'join-token'],
    ]);
    expect(await actsOf('PUT', `${api}/nodes/edge-1`, { labels: { tier: 'gold' } })).toEqual([
      [200, ...ann, 'node.change', 'edge-1'],
    ]);
    const body = { moduleId: 'greeter-v1.0.0', deploymentId: 'first', strategy: 'AllAtOnce' };
    expect(await actsOf('POST', `${api}/deployments`, body)).toEqual([[201, ...ann, 'deployment.create', 'first']]);
    expect(await actsOf('POST', `${api}/deployments/first/execute`, {})).toEqual([
      [202, ...ann, 'deployment.execute', 'first'],
    ]);
    await expect
      .poll(async () => (await test.client.deployments.get('first')).status, { timeout: 20_000 })
      .toBe('Completed');
    expect(await actsOf('POST', `${api}/deployments/first/rollback`, { reason: 'p99' })).toEqual([
      [202, ...ann, 'deployment.rollback', 'first'],
    ]);
    await expect
      .poll(async () => (await test.client.deployments.get('first')).status, { timeout: 20_000 })
      .toBe('RolledBack');
    const ofDeployment = (await test.client.audit.list({ object: 'first' })).acts;
    expect(ofDeployment.map(({ action, actor }) => [action, actor.startsWith('engine:') ? 'engine' : actor])).toEqual([
      ['deployment.create', 'ann@example.com'],
      ['deployment.execute', 'ann@example.com'],
      ['deployment.turn', 'engine'],
      ['deployment.rollback', 'ann@example.com'],
      ['deployment.close', 'engine'],
    ]);
    expect(ofDeployment[3]?.facts).toMatchObject({ reason: 'p99', entries: ['command', 'turned', 'began'] });
  });

  it('knows what every request that can change something puts on record', async () => {
    const { body } = await test.send('GET', '/api/openapi.json');
    const paths = body['paths'] as Record<string, Record<string, unknown>>;
    const changing = Object.entries(paths)
      .filter(([path]) => path.startsWith(api) && !path.startsWith(`${api}/http/`))
      .flatMap(([path, methods]) =>
        Object.keys(methods)
          .filter((method) => method !== 'get')
          .map((method) => `${method.toUpperCase()} ${path.slice(api.length)}`),
      );
    expect(changing.filter((route) => !Object.hasOwn(onRecord, route))).toEqual([]);
  });

  it('has none for what was refused, repeated or only read', async () => {
    expect(await actsOf('GET', `${api}/nodes`)).toEqual([]);
    expect(await actsOf('POST', `${api}/deployments/first/execute`, {})).toEqual([]);
    expect(await actsOf('POST', `${api}/deployments/first/rollback`, {})).toEqual([]);
    expect(await actsOf('DELETE', `${api}/modules/greeter-v1.0.0`)).toEqual([]);
    expect(await actsOf('DELETE', `${api}/nodes/nobody`)).toEqual([]);
    const wasmBinary = Buffer.from(coreModule({ salt: 'audit' })).toString('base64');
    expect(await actsOf('POST', `${api}/modules`, { name: 'greeter', version: '1.0.0', wasmBinary })).toEqual([]);
  });

  it('names nodes, and the server itself, for what they do', async () => {
    const named = (await acts()).map(({ action, actor, role }) => `${action} by ${actor} as ${role}`);
    expect(named).toContain('node.register by node:edge-1 as null');
    expect(named[0]).toMatch(/^credential\.put by system/);
  });

  it('holds no secret', async () => {
    const text = JSON.stringify(await acts());
    expect(text).not.toMatch(/hsj?_|hsn_/);
  });

  it('is read page by page, filtered, and from its end', async () => {
    const all = await acts();
    const first = await test.client.audit.list({ limit: 2 });
    const second = await test.client.audit.list({ limit: 2, cursor: String(first.nextCursor) });
    expect([...first.acts, ...second.acts].map(({ seq }) => seq)).toEqual([0, 1, 2, 3]);
    expect(first.head.hash).toBe(all.at(-1)?.hash);
    const latest = await test.client.audit.list({ order: 'desc', limit: 1 });
    expect(latest.acts[0]?.seq).toBe(all.at(-1)?.seq);
    expect((await test.client.audit.list({ actor: 'node:edge-1' })).acts).not.toHaveLength(0);
    expect((await test.client.audit.list({ action: 'no.such' })).acts).toEqual([]);
  });

  it('is verified by the command line, over the server and over an export, and an edit is found', async () => {
    const cli = async (...args: string[]): Promise<readonly [code: number, out: string]> => {
      const { code, out } = await runCommandLine({ url: test.url, token }, ...args);
      return [code, out];
    };
    const [code, told] = await cli('audit', 'verify');
    expect([code, told]).toEqual([
      0,
      expect.stringMatching(/^whole: \d+ acts, 1 journals with \d+ entries\nhead: {2}[0-9a-f]{64}/),
    ]);
    const [, exported] = await cli('audit', 'export');
    const file = join(dataDir, 'audit.ndjson');
    await writeFile(file, exported);
    expect(await cli('audit', 'verify', file)).toEqual([0, told]);
    await writeFile(file, exported.replace('"reason":"p99"', '"reason":"p98"'));
    expect((await cli('audit', 'verify', file))[0]).toBe(1);
    await writeFile(file, exported.replaceAll('ann@example.com', 'bob@example.com'));
    expect((await cli('audit', 'verify', file))[0]).toBe(1);
    expect((await cli('audit', '--object', 'first'))[1]).toContain('deployment.rollback');
  });
});
