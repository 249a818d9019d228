import { openTracer, type TracingOptions } from '@hotswap/telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OtlpReceiver } from './otlp-receiver.ts';

describe('openTracer', () => {
  let receiver: OtlpReceiver;
  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
  });
  afterAll(() => receiver[Symbol.asyncDispose]());
  beforeEach(() => {
    receiver.spans.length = 0;
    receiver.status = 200;
  });
  const open = (more: Partial<TracingOptions> = {}) =>
    openTracer({ endpoint: receiver.url, service: 'test', instance: 'one', version: '1.0.0', ...more });

  it('sends a tree of spans with times, facts and failures', async () => {
    await using tracer = await open();
    const root = tracer.start('root', { kind: 'server', startedAt: 1_000, attributes: { route: '/x' } });
    const child = root?.child('child', { kind: 'client', startedAt: 1_100 });
    child?.end('it broke', 1_200);
    root?.set({ status: 500 });
    root?.end(undefined, 1_300);
    await tracer.flush();
    const [sentChild, sentRoot] = receiver.spans;
    expect(sentRoot).toMatchObject({
      ...{ service: 'test', name: 'root', kind: 2, attributes: { route: '/x', status: 500 } },
      ...{ startTimeUnixNano: '1000000000', endTimeUnixNano: '1300000000' },
    });
    expect(sentRoot?.parentSpanId).toBeUndefined();
    expect(sentChild).toMatchObject({
      ...{ name: 'child', kind: 3, traceId: sentRoot?.traceId, parentSpanId: sentRoot?.spanId },
      status: { code: 2, message: 'it broke' },
    });
  });

  it('goes on with the trace of a caller, whatever the share is', async () => {
    await using tracer = await open({ sampleRatio: 0 });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const span = tracer.start('part', { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    expect(span?.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    span?.end();
    await tracer.flush();
    expect(receiver.spans).toMatchObject([{ traceId, parentSpanId: 'b7ad6b7169203331' }]);
  });

  it.each([
    ['a caller does not sample', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' }],
    ['only callers decide and there is none', { sampling: 'parent' }],
    ['only callers decide and what came is no trace', { sampling: 'parent', traceparent: 'nonsense' }],
  ] as const)('traces nothing when %s', async (_, start) => {
    await using tracer = await open();
    expect(tracer.start('x', start)).toBeNull();
  });

  it.each([
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '',
  ])('begins anew with %s', async (traceparent) => {
    await using tracer = await open();
    const span = tracer.start('x', { traceparent });
    expect(span?.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    span?.end();
  });

  it('holds the share of what begins here, and always traces what it is told to', async () => {
    await using tracer = await open({ sampleRatio: 0 });
    expect(tracer.start('x')).toBeNull();
    const rollout = tracer.start('x', { sampling: 'always' });
    expect(rollout).not.toBeNull();
    rollout?.end();
  });

  it('tells of spans that cannot be delivered, and fails nobody', async () => {
    receiver.status = 400;
    const errors: unknown[] = [];
    const tracer = await open({ onError: (error) => errors.push(error) });
    tracer.start('x')?.end();
    await tracer[Symbol.asyncDispose]();
    expect(errors).toHaveLength(1);
  });
});
