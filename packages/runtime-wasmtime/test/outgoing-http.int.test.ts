import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NetworkPolicy } from '@hotswap/core';
import { buildExampleModules } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ask } from './http-client.ts';
import { type HttpFixture, httpFixture, route } from './http-fixture.ts';
import { failureOf } from './test-host.ts';

describe('outgoing HTTP of a component', () => {
  let fixture: HttpFixture;
  let server: Server;
  let port: number;
  let connections = 0;
  beforeAll(async () => {
    await buildExampleModules();
    fixture = await httpFixture();
    server = createServer(({ url }, response) => {
      if (url === '/redirect') response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end();
      else response.end(`answer to ${url}`);
    });
    server.on('connection', () => (connections += 1));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await fixture[Symbol.asyncDispose]();
  });

  /** What the component answers when it was told to fetch. */
  async function fetching(network: NetworkPolicy | undefined, urls: readonly string[]): Promise<readonly Answer[]> {
    const lab = await fixture.test.example('http-lab', network === undefined ? {} : { network });
    fixture.serve('lab', { lab: [lab, 1] });
    const { port: planePort, plane } = await fixture.open([route('lab')]);
    const answers: Answer[] = [];
    for (const url of urls) answers.push(await ask(planePort, `/fetch?url=${encodeURIComponent(url)}`));
    await plane.close(0);
    await lab[Symbol.asyncDispose]();
    return answers;
  }

  it('is denied without a policy, and where no pattern names the host', async () => {
    const url = `http://127.0.0.1:${port}/`;
    const other: NetworkPolicy = { allowedHosts: ['127.0.0.1', 'api.example.org'], allowPrivateAddresses: true };
    for (const network of [undefined, other]) {
      const [answer] = await fetching(network, [url]);
      expect(answer?.status).toBe(502);
      expect(answer?.body).toContain('HttpRequestDenied');
    }
  });

  it('reaches this machine only where private addresses are allowed, over a connection that stays', async () => {
    const allowedHosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    const url = `http://127.0.0.1:${port}/there`;
    const [refused, alsoRefused] = await fetching({ allowedHosts }, [url, `http://localhost:${port}/there`]);
    expect([refused?.body, alsoRefused?.body].join()).toMatch(/IpProhibited.*IpProhibited/s);
    connections = 0;
    const answers = await fetching({ allowedHosts, allowPrivateAddresses: true }, [url, url, url]);
    expect(answers.map(({ status, body }) => [status, body])).toEqual(Array(3).fill([200, 'answer to /there']));
    expect(connections).toBe(1);
  });

  it('hands redirects to the guest, whose next request is checked like the first', async () => {
    const network: NetworkPolicy = { allowedHosts: ['*.example.org', '127.0.0.1:*'], allowPrivateAddresses: true };
    const [redirect, followed] = await fetching(network, [
      `http://127.0.0.1:${port}/redirect`,
      'http://169.254.169.254/latest/',
    ]);
    expect([redirect?.status, redirect?.headers['location']]).toEqual([302, 'http://169.254.169.254/latest/']);
    expect(followed?.body).toContain('HttpRequestDenied');
  });

  it.each(['*com', '*', 'example.org/path', 'user@example.org', '2130706433'])(
    'refuses to load a module whose policy says %s',
    async (pattern) => {
      const network: NetworkPolicy = { allowedHosts: [pattern] };
      expect(await failureOf(fixture.test.example('http-lab', { network }))).toMatchObject({
        code: 'HS_RUNTIME_INVALID_ARGUMENT',
        details: { path: 'network.allowedHosts[0]' },
      });
    },
  );
});
