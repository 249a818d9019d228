import type { Heartbeat, HeartbeatAnswer } from '@hotswap/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { agentError } from '../src/error-codes.ts';
import { HeartbeatSender } from '../src/server/heartbeat-sender.ts';

const empty = {
  observed: { generation: 0, releases: [] },
  resources: { cpuUsagePercent: 0, memoryUsageMB: 0, modulesLoaded: 0 },
};

class Scripted {
  readonly sent: Heartbeat[] = [];
  readonly unanswered: unknown[] = [];
  readonly refused: unknown[] = [];
  readonly rejected: unknown[] = [];
  reports = 0;
  answer: () => Promise<HeartbeatAnswer> = async () => ({ generation: 0, heartbeatIntervalMs: 30_000 });
  readonly sender: HeartbeatSender = new HeartbeatSender({
    bootId: 'boot',
    intervalMs: 30_000,
    report: () => ({ ...empty, metrics: [], observed: { generation: ++this.reports, releases: [] } }),
    send: (heartbeat) => {
      this.sent.push(heartbeat);
      return this.answer();
    },
    onAnswer: () => undefined,
    onUnanswered: (error) => this.unanswered.push(error),
    onRefused: (error) => this.refused.push(error),
    onRejected: (error) => this.rejected.push(error),
  });
}

describe('HeartbeatSender', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('reports at once and then by the interval that the server says', async () => {
    const script = new Scripted();
    script.answer = async () => ({ generation: 0, heartbeatIntervalMs: 1_000 });
    script.sender.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(script.sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(script.sent.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    await script.sender.stop(0);
  });

  it('puts news that come together in one report, soon', async () => {
    const script = new Scripted();
    script.sender.start();
    await vi.advanceTimersByTimeAsync(0);
    for (let i = 0; i < 100; i++) script.sender.nudge();
    await vi.advanceTimersByTimeAsync(10);
    expect(script.sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(script.sent).toHaveLength(2);
    await script.sender.stop(0);
  });

  it('sends one report at a time, and news of meanwhile right after it', async () => {
    const script = new Scripted();
    const held = Promise.withResolvers<HeartbeatAnswer>();
    script.answer = () => held.promise;
    script.sender.start();
    await vi.advanceTimersByTimeAsync(0);
    script.sender.nudge();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(script.sent).toHaveLength(1);
    script.answer = async () => ({ generation: 0, heartbeatIntervalMs: 30_000 });
    held.resolve({ generation: 0, heartbeatIntervalMs: 30_000 });
    await vi.advanceTimersByTimeAsync(10);
    expect(script.sent).toHaveLength(2);
    await script.sender.stop(0);
  });

  it('repeats an unacknowledged report unchanged under its number, then tells the present', async () => {
    const script = new Scripted();
    script.answer = () => Promise.reject(agentError('HS_AGENT_SERVER_UNREACHABLE', { operation: 'x', why: 'y' }));
    script.sender.start();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(script.sent.length).toBeGreaterThan(3);
    expect(new Set(script.sent.map((heartbeat) => JSON.stringify(heartbeat))).size).toBe(1);
    expect(script.unanswered).toHaveLength(1);
    script.answer = async () => ({ generation: 0, heartbeatIntervalMs: 30_000 });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(script.sent.slice(-2).map(({ sequence }) => sequence)).toEqual([1, 2]);
    await script.sender.stop(0);
  });

  it('gives a report up that the server refuses for good, and goes on', async () => {
    const script = new Scripted();
    script.answer = () =>
      Promise.reject(agentError('HS_AGENT_SERVER_REFUSED', { operation: 'x', status: 400, why: 'y' }));
    script.sender.start();
    await vi.advanceTimersByTimeAsync(0);
    script.answer = async () => ({ generation: 0, heartbeatIntervalMs: 30_000 });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(script.refused).toHaveLength(1);
    expect(script.sent.slice(0, 2).map(({ sequence }) => sequence)).toEqual([1, 2]);
    await script.sender.stop(0);
  });

  it('falls silent when another agent has taken over', async () => {
    const script = new Scripted();
    script.answer = () => Promise.reject(agentError('HS_AGENT_SUPERSEDED', { nodeId: 'edge-1' }));
    script.sender.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(script.sent).toHaveLength(1);
    expect(script.rejected).toHaveLength(1);
  });

  it('goes on when it is started again after its credential was not accepted', async () => {
    const script = new Scripted();
    script.answer = () =>
      Promise.reject(agentError('HS_AGENT_SERVER_REFUSED', { operation: 'x', status: 401, why: 'y' }));
    script.sender.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(script.sent).toHaveLength(1);
    script.answer = async () => ({ generation: 0, heartbeatIntervalMs: 30_000 });
    script.sender.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(script.sent.map(({ sequence }) => sequence)).toEqual([1, 1, 2]);
    await script.sender.stop(0);
  });

  it('says goodbye with what is left, within its time', async () => {
    const script = new Scripted();
    script.sender.start();
    await vi.advanceTimersByTimeAsync(0);
    const stopped = script.sender.stop(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await stopped;
    expect(script.sent).toHaveLength(2);
    script.sender.nudge();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(script.sent).toHaveLength(2);
  });
});
