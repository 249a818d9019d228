import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Json } from '@hotswap/core';
import { answerRepeats } from '../src/http/idempotency.ts';
import { answerProblems } from '../src/http/problem-details.ts';
import type { IdempotencyKeys, IdempotencyStart, IdempotentRequest } from '../src/ports/idempotency-keys.ts';

const leaseMs = 60_000;

/** One key, whose claim ends by the clock of the test. */
class ClockedKeys implements IdempotencyKeys {
  #claim: { owner: string; until: number; answer: Json } | undefined;
  #owners = 0;
  isAway = false;

  begin(_request: IdempotentRequest): Promise<IdempotencyStart> {
    const claim = this.#claim;
    if (claim && claim.answer !== null) return Promise.resolve({ kind: 'answered', answer: claim.answer });
    if (claim && claim.until >= Date.now()) return Promise.resolve({ kind: 'running' });
    const owner = `owner-${String(++this.#owners)}`;
    this.#claim = { owner, until: Date.now() + leaseMs, answer: null };
    return Promise.resolve({ kind: 'started', owner });
  }

  renew(_request: IdempotentRequest, owner: string): Promise<boolean> {
    if (this.isAway) return Promise.reject(new TypeError('away'));
    const claim = this.#claim;
    if (claim?.owner !== owner || claim.answer !== null) return Promise.resolve(false);
    claim.until = Date.now() + leaseMs;
    return Promise.resolve(true);
  }

  complete(_request: IdempotentRequest, owner: string, answer: Exclude<Json, null>): Promise<void> {
    if (this.#claim?.owner === owner) this.#claim.answer = answer;
    return Promise.resolve();
  }

  abandon(_request: IdempotentRequest, owner: string): Promise<void> {
    if (this.#claim?.owner === owner && this.#claim.answer === null) this.#claim = undefined;
    return Promise.resolve();
  }

  deleteExpired(): Promise<number> {
    return Promise.resolve(0);
  }
}

interface Server {
  readonly app: FastifyInstance;
  /** Handlers that have been called. */
  readonly runs: PromiseWithResolvers<object>[];
}

const servers: Server[] = [];

async function serve(keys: IdempotencyKeys): Promise<Server> {
  const app = fastify({ handlerTimeout: 180_000 });
  const runs: PromiseWithResolvers<object>[] = [];
  app.decorateRequest('principal', null);
  app.addHook('onRequest', (request, _reply, done) => {
    request.principal = { tenant: 'default', subject: 'dev', role: 'developer' };
    done();
  });
  answerProblems(app);
  answerRepeats(app, keys);
  app.post('/things', { config: { role: 'open', idempotent: true } }, async (_request, reply) => {
    const run = Promise.withResolvers<object>();
    runs.push(run);
    const made = await run.promise;
    void reply.code(201).header('location', '/things/1');
    return made;
  });
  await app.ready();
  servers.push({ app, runs });
  return { app, runs };
}

const send = ({ app }: Server) =>
  app.inject({ method: 'POST', url: '/things', headers: { 'idempotency-key': 'k' }, payload: { n: 1 } });

describe('the key of a request that takes long', () => {
  let keys: ClockedKeys;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
    keys = new ClockedKeys();
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const { app } of servers.splice(0)) await app.close();
  });

  const begun = ({ runs }: Server, count = 1): Promise<void> => vi.waitFor(() => expect(runs).toHaveLength(count));

  it('is its own until it has ended: sent again meanwhile it runs once, at any server', async () => {
    const [first, second] = [await serve(keys), await serve(keys)];
    const answer = send(first);
    await begun(first);
    for (let at = 0; at < 170_000; at += 10_000) {
      await vi.advanceTimersByTimeAsync(10_000);
      expect((await send(second)).statusCode).toBe(409);
    }
    first.runs[0]?.resolve({ id: 1 });
    expect((await answer).statusCode).toBe(201);
    const again = await send(second);
    expect([again.statusCode, again.json(), again.headers['idempotency-replayed']]).toEqual([201, { id: 1 }, 'true']);
    expect([first.runs.length, second.runs.length]).toEqual([1, 0]);
  });

  it('is its own too after its caller was told that it takes too long; its result is what a repeat gets', async () => {
    const server = await serve(keys);
    const answer = send(server);
    await begun(server);
    await vi.advanceTimersByTimeAsync(180_000);
    expect((await answer).statusCode).toBe(408);
    await vi.advanceTimersByTimeAsync(600_000);
    expect((await send(server)).statusCode).toBe(409);
    server.runs[0]?.resolve({ id: 1 });
    await vi.waitFor(async () => expect((await send(server)).statusCode).toBe(201));
    const again = await send(server);
    expect([again.json(), again.headers.location]).toEqual([{ id: 1 }, '/things/1']);
    expect(again.headers['content-type']).toMatch(/^application\/json/);
    expect(server.runs).toHaveLength(1);
  });

  it('is given back when what its caller no longer waited for fails', async () => {
    const server = await serve(keys);
    const answer = send(server);
    await begun(server);
    await vi.advanceTimersByTimeAsync(200_000);
    expect((await answer).statusCode).toBe(408);
    server.runs[0]?.reject(new TypeError('the disk is full'));
    void send(server);
    await begun(server, 2);
    server.runs[1]?.resolve({});
  });

  it("is anybody's a minute after its server was last heard of", async () => {
    const [dying, other] = [await serve(keys), await serve(keys)];
    void send(dying);
    await begun(dying);
    await vi.advanceTimersByTimeAsync(100_000);
    // Nothing more is heard of it.
    keys.isAway = true;
    await vi.advanceTimersByTimeAsync(50_000);
    expect((await send(other)).statusCode).toBe(409);
    await vi.advanceTimersByTimeAsync(11_000);
    const answer = send(other);
    await begun(other);
    other.runs[0]?.resolve({ id: 2 });
    expect((await answer).statusCode).toBe(201);
    dying.runs[0]?.resolve({ id: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await send(other)).json()).toEqual({ id: 2 });
  });

  it('is held on to when the database is away for one renewal', async () => {
    const server = await serve(keys);
    const answer = send(server);
    await begun(server);
    keys.isAway = true;
    await vi.advanceTimersByTimeAsync(45_000);
    keys.isAway = false;
    await vi.advanceTimersByTimeAsync(45_000);
    expect((await send(server)).statusCode).toBe(409);
    server.runs[0]?.resolve({});
    expect((await answer).statusCode).toBe(201);
  });
});
