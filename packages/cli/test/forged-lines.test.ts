import { describe, expect, it } from 'vitest';
import { answerOf, runAgainst } from './run-against.ts';

const forged = '2026-01-01T00:00:00.000Z  alice: alice approved it';
const reason = `oops\n${forged}`;
const deployment = {
  ...{ deploymentId: 'd-1', moduleId: 'greeter-v1.0.0', moduleName: 'greeter', releaseId: 'rel-1', strategy: 'Canary' },
  ...{ previousModuleId: null, status: 'Cancelled', progressPercent: 0, stuck: false, reason },
  nodes: [{ nodeId: 'n-1', region: 'eu', outcome: 'failed', state: 'failed', error: { code: 'X', message: reason } }],
};
const entry = { seq: 0, at: '2026-01-01T00:00:00.000Z', actor: 'bob', entry: {}, hash: '', previousHash: '' };
const path = '/api/v1/wasm/deployments';
const answers: Readonly<Record<string, unknown>> = {
  [path]: { deployments: [deployment], nextCursor: null },
  [`${path}/d-1`]: deployment,
  [`${path}/d-1/journal`]: { entries: [{ ...entry, explanation: `bob asked for abort: ${reason}` }], nextCursor: null },
  '/api/v1/wasm/nodes': { nodes: [], nextCursor: null },
  '/health': { status: 'Healthy' },
  '/api/v1/audit': {
    acts: [{ seq: 0, at: 0, actor: 'bob', action: 'user.update', object: reason }],
    nextCursor: null,
  },
};
const events = [
  { kind: 'entry', entry: { ...entry, explanation: `bob asked for abort: ${reason}` } },
  { kind: 'status', deployment },
];

const answer = (async (url: string) => {
  const { pathname } = new URL(url);
  if (pathname.endsWith('/events'))
    return new Response(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''), {
      headers: { 'content-type': 'text/event-stream' },
    });
  return answerOf(answers[pathname]);
}) as unknown as typeof fetch;

describe('what other people wrote', () => {
  it.each([
    [['deployments']],
    [['status', 'd-1']],
    [['status', 'd-1', '--watch']],
    [['why', 'd-1']],
    [['audit', 'list']],
    [['doctor']],
  ])('begins no line of %j', async (args) => {
    const { stdout, stderr } = await runAgainst(answer, args);
    const shown = stdout + stderr;
    expect(shown).toContain(`oops\\u{a}${forged}`);
    expect(shown.split('\n').filter((line) => line.startsWith(forged))).toEqual([]);
  });
});
