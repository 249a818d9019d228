import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Strategy } from '@hotswap/core';
import { createDeploymentSchema } from '@hotswap/protocol';
import { healthyMetrics, Simulation } from '@hotswap/testing';
import { findStrategies } from '../strategies.ts';
import { importSource } from '../repository.ts';

const folder = new URL('../../../examples/deployments/', import.meta.url);
const guide = new URL('../../../docs/guides/choosing-a-strategy.md', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (file: string) => createDeploymentSchema.parse(JSON.parse(readFileSync(new URL(file, folder), 'utf8')));
const day = 24 * 3_600_000;

/** Ours, and the one of somebody else. */
async function knownStrategies(): Promise<readonly Strategy<unknown>[]> {
  const own = (await findStrategies()).map(({ strategy }) => strategy);
  const { strategies } = await importSource<{ readonly strategies: readonly Strategy<unknown>[] }>(
    'examples/strategy-waves/src/index.js',
  );
  return [...own, ...strategies];
}

describe('examples of deployments', () => {
  it.each(files)('%s rolls out to its end', async (file) => {
    const { strategy, strategyConfig, autoRollback, targetRegions, traffic } = read(file);
    const simulation = new Simulation({
      strategies: await knownStrategies(),
      nodes: { 'us-east': 2, 'us-west': 2, 'eu-central': 2 },
      serves: (nodeId) => file !== 'blue-green-separate.json' || nodeId.startsWith('us-east'),
      // Variant B is better, for the experiment.
      metrics: ({ variant }) =>
        variant === 'v2'
          ? { ...healthyMetrics, latency: { averageMs: 10, varianceMs2: 4, p50Ms: 10, p95Ms: 12, p99Ms: 13 } }
          : healthyMetrics,
    });
    simulation.database.mirrorTally = () => ({ equal: 500, different: 0, failed: 0, skipped: 0, examples: [] });
    await simulation.deploy({
      strategy: String(strategy),
      config: strategyConfig,
      spec: {
        ...(autoRollback === undefined ? {} : { autoRollback }),
        ...(targetRegions === undefined ? {} : { regions: targetRegions }),
        ...(traffic?.mirror === undefined
          ? {}
          : { traffic: { mirror: { ...traffic.mirror, releaseId: 'v2-shadow' } } }),
      },
    });
    for (let days = 0; days < 7 && (await simulation.state()).summary.status === 'InProgress'; days++)
      await simulation.time.advance(day);
    expect((await simulation.state()).summary).toMatchObject({ status: 'Completed', progressPercent: 100 });
    expect(simulation.sharePercent('v2')).toBe(100);
  });

  it('are there for every strategy', async () => {
    const shown = new Set(files.map((file) => read(file).strategy));
    expect([...shown].sort()).toEqual((await knownStrategies()).map(({ name }) => name).sort());
  });

  it('are linked from every row of the guide', () => {
    const text = readFileSync(guide, 'utf8');
    const links = [...text.matchAll(/\(\.\.\/\.\.\/examples\/deployments\/([^)]+)\)/g)].map(([, file]) => String(file));
    for (const file of links) expect(existsSync(new URL(file, folder)), file).toBe(true);
    const shown = new Set(links.filter((file) => file.endsWith('.json')).map((file) => read(file).strategy));
    for (const name of ['ABTesting', 'AllAtOnce', 'BlueGreen', 'Canary', 'Regional', 'Rolling'])
      expect(shown.has(name), name).toBe(true);
  });
});
