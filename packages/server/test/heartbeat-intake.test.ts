import { describe, expect, it } from 'vitest';
import { errorFactory, hotSwapError } from '@hotswap/core';
import { stateErrorCodes } from '@hotswap/state-postgres';
import { HeartbeatIntake } from '../src/agents/heartbeat-intake.ts';
import type { HeartbeatOutcome, HeartbeatReport } from '../src/ports/node-registry.ts';

const stateError = errorFactory(stateErrorCodes);

const report = (nodeId: string, sequence: number): HeartbeatReport => ({
  nodeId,
  bootId: '1763697600000-0',
  sequence,
  observed: { generation: 0, releases: [] },
  metrics: [],
  resources: { cpuUsagePercent: 0, memoryUsageMB: 0, modulesLoaded: 0 },
});

const accepted = ({ nodeId }: HeartbeatReport): HeartbeatOutcome => ({
  nodeId,
  kind: 'accepted',
  generation: 0,
  heartbeatIntervalMs: 1_000,
  deployments: [],
  changed: false,
  raisedFloor: false,
});

describe('HeartbeatIntake', () => {
  it('writes what arrives meanwhile together, and never two reports of one node at a time', async () => {
    const writing = new Set<string>();
    const batches: HeartbeatReport[][] = [];
    const intake = new HeartbeatIntake({
      nudge: () => undefined,
      onChanged: () => undefined,
      log: {
        record: async (_, reports) => {
          batches.push([...reports]);
          for (const { nodeId } of reports) {
            expect(writing.has(nodeId)).toBe(false);
            writing.add(nodeId);
          }
          await new Promise((resolve) => setTimeout(resolve, 5));
          for (const { nodeId } of reports) writing.delete(nodeId);
          return reports.map(accepted);
        },
      },
    });
    const taken: Promise<HeartbeatOutcome>[] = [];
    for (let sequence = 1; sequence <= 20; sequence++)
      for (let node = 0; node < 50; node++)
        taken.push(intake.take('default', report(`edge-${String(node)}`, sequence)));
    await Promise.all(taken);
    const ofFirst = batches.flat().filter(({ nodeId }) => nodeId === 'edge-0');
    expect(ofFirst.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    expect(batches.length).toBeLessThanOrEqual(40);
  });

  it('refuses only the reports of a batch that could not be written', async () => {
    let fails = true;
    const intake = new HeartbeatIntake({
      nudge: () => undefined,
      onChanged: () => undefined,
      log: {
        record: async (_, reports) => {
          if (fails) throw new TypeError('the database is gone');
          return reports.map(accepted);
        },
      },
    });
    await expect(intake.take('default', report('edge-1', 1))).rejects.toThrow('the database is gone');
    fails = false;
    await expect(intake.take('default', report('edge-1', 1))).resolves.toMatchObject({ kind: 'accepted' });
  });

  it('takes the others of a batch of which the database cannot take one', async () => {
    const intake = new HeartbeatIntake({
      nudge: () => undefined,
      onChanged: () => undefined,
      log: {
        record: async (_, reports) => {
          await Promise.resolve();
          if (reports.some(({ nodeId }) => nodeId === 'odd'))
            throw hotSwapError('HS_CORE_INVALID_VALUE', { what: 'modulesLoaded', why: 'it is out of range' });
          return reports.map(accepted);
        },
      },
    });
    const taken = ['edge-1', 'odd', 'edge-2'].map((nodeId) => intake.take('default', report(nodeId, 1)));
    const settled = await Promise.allSettled(taken);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('asks a database that is away once for a batch', async () => {
    let asked = 0;
    const intake = new HeartbeatIntake({
      nudge: () => undefined,
      onChanged: () => undefined,
      log: {
        record: async () => {
          asked++;
          await Promise.resolve();
          throw stateError('HS_STORE_UNAVAILABLE', { why: 'ECONNREFUSED' });
        },
      },
    });
    const taken = ['edge-1', 'edge-2', 'edge-3'].map((nodeId) => intake.take('default', report(nodeId, 1)));
    await Promise.allSettled(taken);
    expect(asked).toBe(1);
  });
});
