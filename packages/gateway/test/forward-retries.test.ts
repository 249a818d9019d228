import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ForwardFront } from './forward-front.ts';
import { planeProblem } from './streaming-node.ts';

describe('nodes that fail Gateway.forward', () => {
  let front: ForwardFront;
  beforeEach(async () => {
    front = await ForwardFront.start();
  });
  afterEach(async () => {
    await front[Symbol.asyncDispose]();
  });

  it('takes a node for a healthy one when its answer cannot be given to the client', async () => {
    front.isAnswered = true;
    await (await fetch(`${front.url}/`)).text().catch(() => undefined);
    front.isAnswered = false;
    expect(front.node(0).seen).toHaveLength(1);
    expect((await fetch(`${front.url}/`)).status).toBe(200);
  });

  it.each([
    ['the version is not there', 421, 'HS_HTTP_VERSION_NOT_HERE'],
    ['it serves no release of the module', 421, 'HS_AGENT_MODULE_NOT_HERE'],
    ['it has no route yet', 404, 'HS_HTTP_NO_ROUTE'],
    ['it stops', 503, 'HS_AGENT_STOPPING'],
    ['it has too much to do', 503, 'HS_HTTP_OVERLOADED'],
    ['it knows the token no longer', 401, 'HS_HTTP_UNAUTHORIZED'],
  ])('asks another node when %s, with the whole body', async (_name, status, code) => {
    front.setRoute(2, [front.target(0), front.target(1)]);
    await front.restart();
    front.node(0).answer = planeProblem(status, code);
    front.node(1).answer = (request, response) => void request.pipe(response);
    const body = 'x'.repeat(100_000);
    for (let i = 0; i < 8; i++)
      expect(await (await fetch(`${front.url}/`, { method: 'POST', body })).text()).toBe(body);
    expect(front.gateway.httpStats().retried).toBe(front.node(0).seen.length);
  });

  it('asks another node when one cannot be reached', async () => {
    front.setRoute(2, [front.target(0), front.target(1)]);
    await front.restart();
    await front.node(0)[Symbol.asyncDispose]();
    front.node(1).answer = (request, response) => void request.pipe(response);
    for (let i = 0; i < 10; i++)
      expect(await (await fetch(`${front.url}/`, { method: 'POST', body: `body ${i}` })).text()).toBe(`body ${i}`);
  });

  it('asks once more for HEAD, whose refusals have no body', async () => {
    front.setRoute(2, [front.target(0), front.target(1)]);
    await front.restart();
    front.node(0).answer = planeProblem(404, 'HS_HTTP_NO_ROUTE');
    for (let i = 0; i < 8; i++) expect((await fetch(`${front.url}/`, { method: 'HEAD' })).status).toBe(200);
  });

  it("never repeats what a node may have run, and takes a guest's own refusals for answers", async () => {
    front.setRoute(2, [front.target(0), front.target(1)]);
    await front.restart();
    for (const one of front.nodes) one.answer = (request) => void request.socket.destroy();
    expect(await front.codeOf()).toBe('HS_ROUTE_NODE_LOST');
    expect(front.node(0).seen.length + front.node(1).seen.length).toBe(1);
    await front.restart();
    for (const one of front.nodes) one.answer = (_request, response) => void response.writeHead(503).end('busy');
    expect((await fetch(`${front.url}/`)).status).toBe(503);
    expect(front.node(0).seen.length + front.node(1).seen.length).toBe(2);
  });

  it('says which node it could not reach, until that one has answered again', async () => {
    const at = front.nodes[0]?.url ?? '';
    front.setRoute(2, [front.target(0), front.target(1)]);
    await front.restart();
    expect([front.gateway.canReach(at), front.gateway.canReach('http://127.0.0.1:1')]).toEqual([true, true]);
    const port = Number(new URL(at).port);
    await front.nodes[0]?.[Symbol.asyncDispose]();
    for (let i = 0; i < 20; i++) expect((await fetch(`${front.url}/`)).status).toBe(200);
    expect([front.gateway.canReach(at), front.gateway.canReach(front.nodes[1]?.url ?? '')]).toEqual([false, true]);
    const back = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'x-hotswap-version': '1.0.0' }).end();
    });
    await new Promise<void>((resolve) => back.listen(port, '127.0.0.1', resolve));
    await expect
      .poll(async () => (await fetch(`${front.url}/`)).status === 200 && front.gateway.canReach(at), { timeout: 8_000 })
      .toBe(true);
    back.closeAllConnections();
    await new Promise((resolve) => back.close(resolve));
  });
});
