import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import type { DeploymentView, HotSwapClient, JournalEntryView } from '@hotswap/protocol';
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

const stages = { stages: [10, 25, 50, 100], evaluationPeriod: 'PT2S', autoPromote: true };

/** What every part of the demo works on, and adds to. */
interface Stage {
  readonly client: HotSwapClient;
  readonly load: Load;
  readonly phases: Phase[];
  readonly deployments: DeploymentView[];
}

/** The main job of HotSwap, on real parts: every line below goes through the public API of a running system. */
async function demo(cluster: LocalCluster): Promise<DemoRun> {
  const { client } = cluster;
  const good = await registerGreeter(client, '1.0.0');
  const hello = await registerHello(client, '1.0.0');
  const shop = await registerShop(client, '1.0.0');
  say(`registered ${good} and ${shop} (functions) and ${hello} (HTTP); rolling them out to every node`);
  const deployments: DeploymentView[] = [];
  for (const moduleId of [good, shop, hello])
    deployments.push(await rollOut(client, { moduleId, strategy: 'AllAtOnce' }));

  const load = startLoad(callersOf(cluster));
  const stage: Stage = { client, load, phases: [], deployments };
  try {
    await phase(stage, 'before', () => sleep(4_000));
    const better = await canaryOf(stage, '1.1.0');
    const newHello = await registerHello(client, '1.1.0');
    const switchedBackMs = await blueGreenAndBack(stage, newHello);
    await experiment(stage);
    await swapAndSwap(stage, [
      [good, newHello],
      [better, hello],
    ]);
    await canaryOf(stage, '1.2.0', 'bad version');
    await phase(stage, 'after', () => sleep(3_000));
    await load.stop();
    return {
      samples: load.samples,
      phases: stage.phases,
      deployments,
      swaps: deployments.filter((one) => one.strategy === 'AllAtOnce' && one.previousModuleId !== null).length,
      switchedBackMs,
      rollbackMs: await rollbackMs(client, deployments.at(-1)?.deploymentId ?? ''),
    };
  } finally {
    await load.stop();
  }
}

/** Ever more nodes and requests, each stage watched. @returns the module's id */
async function canaryOf(stage: Stage, version: string, name = 'canary'): Promise<string> {
  const moduleId = await registerGreeter(stage.client, version);
  say(`${moduleId}: ${name === 'canary' ? '' : `a ${name}, `}by canary under ${String(requestsPerSecond)} requests/s`);
  await phase(stage, name, async () => {
    stage.deployments.push(
      await rollOut(stage.client, { moduleId, strategy: 'Canary', strategyConfig: stages }, explain),
    );
  });
  return moduleId;
}

/** Both versions side by side, one atomic switch, and the way back. @returns how long the way back took */
async function blueGreenAndBack(stage: Stage, moduleId: string): Promise<number> {
  const { client, deployments } = stage;
  say(`${moduleId}: blue-green, one atomic switch, and back again`);
  const tookMs = await phase(stage, 'blue-green', async () => {
    const green = { moduleId, strategy: 'BlueGreen', strategyConfig: { placement: 'in-place' } };
    const { deploymentId, status, reason } = await rollOut(client, green, explain);
    if (status !== 'Completed') throw new Error(`blue-green ended as ${status}: ${reason ?? ''}`);
    deployments.push(await takeBack(client, deploymentId));
    return rollbackMs(client, deploymentId);
  });
  say(`  switched back in ${tookMs.toFixed(0)} ms`);
  return tookMs;
}

/** Half of the requests each, until the orders that both versions report have decided. */
async function experiment(stage: Stage): Promise<void> {
  const moduleId = await registerShop(stage.client, '1.1.0');
  say(`${moduleId}: A/B, decided by the orders that both versions report`);
  const strategyConfig = {
    variantBPercentage: 50,
    placement: 'in-place',
    experimentDuration: 'PT1M',
    lookInterval: 'PT2S',
    minimumSampleSize: 100,
    winnerCriteria: { metric: 'custom:orders', comparison: 'higher_is_better', threshold: 10 },
  };
  await phase(stage, 'A/B', async () => {
    stage.deployments.push(await rollOut(stage.client, { moduleId, strategy: 'ABTesting', strategyConfig }, explain));
  });
}

/** Direct swaps of two modules at one time, to and fro between their versions. */
async function swapAndSwap(stage: Stage, versions: readonly (readonly string[])[]): Promise<void> {
  say(`${String(hotSwaps)} hot-swaps of each module, one after the other, under the same load`);
  await phase(stage, 'swaps', async () => {
    for (let swap = 0; swap < hotSwaps; swap++) {
      const both = versions[swap % versions.length] ?? [];
      stage.deployments.push(
        ...(await Promise.all(both.map((moduleId) => rollOut(stage.client, { moduleId, strategy: 'AllAtOnce' })))),
      );
    }
  });
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

async function phase<T>({ phases, load }: Stage, name: string, run: () => Promise<T>): Promise<T> {
  const fromMs = load.elapsedMs();
  const result = await run();
  phases.push({ name, fromMs, toMs: load.elapsedMs() });
  return result;
}

function explain(entry: JournalEntryView): void {
  say(`  ${entry.explanation}`);
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
