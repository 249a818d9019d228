import { readFile } from 'node:fs/promises';
import type { Json } from '@hotswap/core';
import { exampleModule } from '@hotswap/example-modules';
import { finalStatuses, type DeploymentView, type HotSwapClient, type JournalEntryView } from '@hotswap/protocol';

/** Registers a version of the greeter and returns its module id. */
export async function registerGreeter(client: HotSwapClient, version: string): Promise<string> {
  const wasm = await readFile(exampleModule('greeter', version).path);
  const { moduleId } = await client.modules.register({ name: 'greeter', version, wasm });
  return moduleId;
}

/** Registers a version of a shop, which reports its orders, and returns its module id. */
export async function registerShop(client: HotSwapClient, version: string): Promise<string> {
  const wasm = await readFile(exampleModule('shop', version).path);
  const { moduleId } = await client.modules.register({ name: 'shop', version, wasm });
  return moduleId;
}

/** Registers a version of a module that serves HTTP to anyone, and returns its module id. */
export async function registerHello(client: HotSwapClient, version: string): Promise<string> {
  const wasm = await readFile(exampleModule('http-hello', version).path);
  const http = { access: 'public' as const, pathPrefix: '/' };
  const { moduleId } = await client.modules.register({ name: 'http-hello', version, wasm, http });
  return moduleId;
}

/** Creates and executes a deployment, and follows it to its end. */
export async function rollOut(
  client: HotSwapClient,
  rollout: { readonly moduleId: string; readonly strategy: string; readonly strategyConfig?: Json },
  onEntry: (entry: JournalEntryView) => void = () => {},
): Promise<DeploymentView> {
  const { deploymentId } = await client.deployments.create(rollout);
  await client.deployments.execute(deploymentId);
  for await (const event of client.deployments.watch(deploymentId)) {
    if (event.kind === 'entry') onEntry(event.entry);
    if (event.kind === 'status' && finalStatuses.includes(event.deployment.status)) break;
  }
  return client.deployments.get(deploymentId);
}

/** Takes a deployment back that has ended well, while what it replaced is still warm. */
export async function takeBack(client: HotSwapClient, deploymentId: string): Promise<DeploymentView> {
  await client.deployments.rollback(deploymentId, { reason: 'the demo goes back' });
  for await (const event of client.deployments.watch(deploymentId))
    if (event.kind === 'status' && event.deployment.status === 'RolledBack') break;
  return client.deployments.get(deploymentId);
}

/** Milliseconds from the decision to roll back until every node was back, by the journal's own times. */
export async function rollbackMs(client: HotSwapClient, deploymentId: string): Promise<number> {
  const { entries } = await client.deployments.journal(deploymentId, { limit: 200 });
  const turned = entries.find((entry) => entry.type === 'turned' && (entry.entry as { to?: string }).to === 'rollback');
  const closed = entries.find((entry) => entry.type === 'closed');
  return turned && closed ? Date.parse(closed.at) - Date.parse(turned.at) : Number.NaN;
}
