import { describe, expect, it } from 'vitest';
import { startTestServer } from './start-test-server.ts';

/** Every route of the HTTP contract that the API's own description has to name. */
const contract = `
POST /api/v1/auth/login
POST /api/v1/auth/logout
GET /api/v1/auth/me
POST GET /api/v1/auth/keys
DELETE /api/v1/auth/keys/{id}
POST GET /api/v1/auth/users
PUT /api/v1/auth/users/{id}
GET PUT /api/v1/policy
POST GET /api/v1/wasm/modules
POST /api/v1/wasm/modules/validate
GET DELETE /api/v1/wasm/modules/{id}
GET /api/v1/wasm/modules/{id}/binary
POST /api/v1/wasm/modules/{id}/validate
POST /api/v1/wasm/modules/{id}/functions/{id}/invoke
GET POST PUT PATCH DELETE /api/v1/wasm/http/{id}/{id}
POST GET /api/v1/wasm/deployments
POST /api/v1/wasm/deployments/simulate
GET /api/v1/wasm/deployments/{id}
POST /api/v1/wasm/deployments/{id}/approve
POST /api/v1/wasm/deployments/{id}/reject
POST /api/v1/wasm/deployments/{id}/execute
POST /api/v1/wasm/deployments/{id}/pause
POST /api/v1/wasm/deployments/{id}/resume
POST /api/v1/wasm/deployments/{id}/promote
POST /api/v1/wasm/deployments/{id}/abort
POST /api/v1/wasm/deployments/{id}/retry
POST /api/v1/wasm/deployments/{id}/rollback
GET /api/v1/wasm/deployments/{id}/journal
GET /api/v1/wasm/deployments/{id}/events
GET /api/v1/wasm/releases
GET /api/v1/wasm/releases/{id}
POST /api/v1/wasm/join-tokens
POST GET /api/v1/wasm/nodes
GET PUT DELETE /api/v1/wasm/nodes/{id}
GET POST /api/v1/wasm/nodes/{id}/health
GET /api/v1/wasm/nodes/{id}/metrics
GET /api/v1/wasm/nodes/{id}/logs
GET /api/v1/wasm/nodes/{id}/desired
POST /api/v1/wasm/nodes/{id}/heartbeat
POST GET /api/v1/wasm/interfaces
GET /api/v1/wasm/interfaces/{id}
GET /api/v1/wasm/interfaces/{id}/{id}
POST /api/v1/wasm/interfaces/validate
POST /api/v1/wasm/interfaces/{id}/{id}/approve
POST /api/v1/wasm/interfaces/{id}/{id}/reject
POST /api/v1/wasm/interfaces/{id}/{id}/deprecate
GET /api/v1/wasm/routes
GET PUT DELETE /api/v1/wasm/routes/{id}
GET /api/v1/wasm/events
GET /api/v1/audit
GET /health
GET /health/live
GET /health/ready
`;

/** Parameters have names of their own; which, does not matter to who calls. */
const anonymous = (path: string): string => path.replaceAll(/\{[^}]+\}/g, '{id}').replace(/(?<=.)\/$/, '');

describe('the description of the API', () => {
  it('names every route of the contract (X-31)', async () => {
    await using server = await startTestServer();
    const { body } = await server.send('GET', '/api/openapi.json', { token: null });
    const served = new Set(
      Object.entries(body['paths'] as Record<string, Record<string, unknown>>).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${anonymous(path)}`),
      ),
    );
    const wanted = contract
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [path = '', ...methods] = line.split(' ').toReversed();
        return methods.map((method) => `${method} ${path}`);
      });
    expect(wanted.filter((route) => !served.has(route))).toEqual([]);
    expect((await fetch(`${server.url}/api/docs`)).status).toBe(200);
    expect(
      (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })).status,
    ).toBe(200);
  });

  it.each(['', '/live', '/ready'])('answers who asks for /health%s by HEAD, and describes GET alone', async (path) => {
    await using server = await startTestServer();
    const answer = await fetch(`${server.url}/health${path}`, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    const { body } = await server.send('GET', '/api/openapi.json', { token: null });
    const { paths } = body as { paths: Record<string, object> };
    expect(Object.keys(paths[`/health${path}`] ?? {})).toEqual(['get']);
  });
});
