import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import type { DeploymentView } from '@hotswap/protocol';
import { functionCaller, httpAtNodes, httpThroughServer, type Caller } from './callers.ts';
import { failuresOf, reportJson, reportText, type DemoRun, type Phase } from './demo-report.ts';
import { startLoad, type Load } from './load-generator.ts';
import { registerGreeter, registerHello, registerShop, rollbackMs, rollOut, takeBack } from './rollouts.ts';

/** Requests per second: function calls, HTTP through the server, HTTP at the nodes' own ports. */
const rates = { functions: 250, shop: 50, server: 200, nodes: 300 };
const requestsPerSecond = rates.functions + rates.shop + rates.server + rates.nodes;
const hotSwaps = 20;
const caller = 'Ada';
const greetings = [`Hello, ${caller}!`, `Good to see you, ${caller}!`, `Welcome, ${caller}!`];
const asJson = process.argv.includes('--json');

/** The main job of HotSwap, on real parts: every line below goes through the public API of a running system. */
async function demo(cluster: LocalCluster): Promise<DemoRun> {
  const { client } = cluster;
  const deployments: DeploymentView[] = [];
  const phases: Phase[] = [];

  const good = await registerGreeter(client, '1.0.0');
  const hello = await registerHello(client, '1.0.0');
  const shop = await registerShop(client, '1.0.0');
  say(`registered ${good} and ${shop} (functions) and ${hello} (HTTP); rolling them out to every node`);
  for (const moduleId of [good, shop, hello])
    deployments.push(await rollOut(client, { moduleId, strategy: 'AllAtOnce' }));

  const load = startLoad(callersOf(cluster));
  try {
    await phase(phases, load, 'before', () => sleep(4_000));

    const better = await registerGreeter(client, '1.1.0');
    say(`${better}: canary under ${String(requestsPerSecond)} requests/s`);
    const stages = { stages: [10, 25, 50, 100], evaluationPeriod: 'PT2S', autoPromote: true };
    await phase(phases, load, 'canary', async () => {
      deployments.push(
        await rollOut(client, { moduleId: better, strategy: 'Canary', strategyConfig: stages }, (entry) => {
          say(`  ${entry.explanation}`);
        }),
      );
    });

    const newHello = await registerHello(client, '1.1.0');
    say(`${newHello}: blue-green, one atomic switch, and back again`);
    const switchedBackMs = await phase(phases, load, 'blue-green', async () => {
      const green = { moduleId: newHello, strategy: 'BlueGreen', strategyConfig: { placement: 'in-place' } };
      const { deploymentId, status, reason } = await rollOut(client, green, (entry) => {
        say(`  ${entry.explanation}`);
      });
      if (status !== 'Completed') throw new Error(`blue-green ended as ${status}: ${reason ?? ''}`);
      deployments.push(await takeBack(client, deploymentId));
      return rollbackMs(client, deploymentId);
    });
    say(`  switched back in ${switchedBackMs.toFixed(0)} ms`);

    const betterShop = await registerShop(client, '1.1.0');
    say(`${betterShop}: A/B, decided by the orders that both versions report`);
    await phase(phases, load, 'A/B', async () => {
      const strategyConfig = {
        variantBPercentage: 50,
        placement: 'in-place',
        experimentDuration: 'PT1M',
        lookInterval: 'PT2S',
        minimumSampleSize: 100,
        winnerCriteria: { metric: 'custom:orders', comparison: 'higher_is_better', threshold: 10 },
      };
      deployments.push(
        await rollOut(client, { moduleId: betterShop, strategy: 'ABTesting', strategyConfig }, (entry) => {
          say(`  ${entry.explanation}`);
        }),
      );
    });

    say(`${String(hotSwaps)} hot-swaps of each module, one after the other, under the same load`);
    await phase(phases, load, 'swaps', async () => {
      for (let swap = 0; swap < hotSwaps; swap++) {
        const isEven = swap % 2 === 0;
        const both = [isEven ? good : better, isEven ? newHello : hello];
        deployments.push(
          ...(await Promise.all(both.map((moduleId) => rollOut(client, { moduleId, strategy: 'AllAtOnce' })))),
        );
      }
    });

    const bad = await registerGreeter(client, '1.2.0');
    say(`${bad}: a bad version, by canary`);
    const rolledBack = await phase(phases, load, 'bad version', () =>
      rollOut(client, { moduleId: bad, strategy: 'Canary', strategyConfig: stages }, (entry) => {
        say(`  ${entry.explanation}`);
      }),
    );
    deployments.push(rolledBack);

    await phase(phases, load, 'after', () => sleep(3_000));
    await load.stop();
    const swaps = deployments.filter((one) => one.strategy === 'AllAtOnce' && one.previousModuleId !== null).length;
    return {
      samples: load.samples,
      phases,
      deployments,
      swaps,
      switchedBackMs,
      rollbackMs: await rollbackMs(client, rolledBack.deploymentId),
    };
  } finally {
    await load.stop();
  }
}

function callersOf({ url, token, httpUrls }: LocalCluster): readonly Caller[] {
  const server = { url, token };
  return [
    functionCaller({
      server,
      requestsPerSecond: rates.functions,
      moduleName: 'greeter',
      functionName: 'greet',
      args: [caller],
      isRight: (result) => greetings.includes(result as string),
    }),
    functionCaller({
      server,
      requestsPerSecond: rates.shop,
      moduleName: 'shop',
      functionName: 'visit',
      args: [],
      isRight: (result) => result === 1 || result === 3,
    }),
    httpThroughServer(server, 'http-hello', rates.server),
    httpAtNodes([...httpUrls.values()], rates.nodes),
  ];
}

async function phase<T>(phases: Phase[], load: Load, name: string, run: () => Promise<T>): Promise<T> {
  const fromMs = load.elapsedMs();
  const result = await run();
  phases.push({ name, fromMs, toMs: load.elapsedMs() });
  return result;
}

function say(message: string): void {
  console.error(`  ${message}`);
}

async function main(): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-demo-'));
  let cluster: LocalCluster | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        reject(new DOMException(`stopped by ${signal}`, 'AbortError'));
      });
  });
  try {
    cluster = await Promise.race([
      startLocalCluster({ dataDirectory, publicHttp: true, onProgress: say }),
      interrupted,
    ]);
    const run = await Promise.race([demo(cluster), interrupted]);
    const failures = failuresOf(run);
    console.error(`\n${reportText(run)}\n`);
    for (const failure of failures) console.error(`  FAILED: ${failure}`);
    if (asJson) console.log(JSON.stringify(reportJson(run)));
    process.exitCode = failures.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`  FAILED: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    await cluster?.stop();
    if (process.exitCode === 0) await rm(dataDirectory, { recursive: true, force: true });
    else console.error(`  logs are in ${join(dataDirectory, 'logs')}`);
  }
}

await main();
