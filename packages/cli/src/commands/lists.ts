import type { Command } from 'commander';
import type { DeploymentListQuery, DeploymentView, ModuleView, NodeView, RouteView } from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { addPageOptions, showPage } from '../list-pages.ts';
import { moduleText } from '../output/module-text.ts';
import { statusText } from '../output/deployment-text.ts';
import { table } from '../output/table.ts';

interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

/** `modules`, `deployments`, `nodes` and `routes`: a page of each. @internal */
export function addListCommands(program: Command, sessionOf: SessionOf): void {
  addModuleCommands(program, sessionOf);
  paged(program, 'deployments', 'list deployments, newest first')
    .option('--module <name>', 'of one module')
    .option('--status <status>', 'in one status, e.g. InProgress')
    .action(
      async ({ module, status, ...page }: ListOptions & { readonly module?: string; readonly status?: string }) => {
        const session = sessionOf();
        const query = {
          ...page,
          ...(module === undefined ? {} : { moduleName: module }),
          ...(status === undefined ? {} : { status }),
        } as DeploymentListQuery;
        showPage(
          session,
          await (await session.client()).deployments.list(query),
          ({ deployments }) => deploymentsText(session, deployments),
          ({ deployments }) => deployments.map(({ deploymentId }) => deploymentId),
        );
      },
    );
  paged(program, 'nodes', 'list nodes')
    .option('--region <region>', 'of one region')
    .action(async (options: ListOptions & { readonly region?: string }) => {
      const session = sessionOf();
      showPage(
        session,
        await (await session.client()).nodes.list(options),
        ({ nodes }) => nodesText(nodes),
        ({ nodes }) => nodes.map(({ nodeId }) => nodeId),
      );
    });
  paged(program, 'routes', 'show which versions requests get').action(async (options: ListOptions) => {
    const session = sessionOf();
    showPage(
      session,
      await (await session.client()).routes.list(options),
      ({ routes }) => routesText(routes),
      ({ routes }) => routes.map(({ moduleName }) => moduleName),
    );
  });
}

function addModuleCommands(program: Command, sessionOf: SessionOf): void {
  const modules = paged(program, 'modules', 'list registered modules');
  modules
    .option('--name <name>', 'versions of one module')
    .action(async (options: ListOptions & { readonly name?: string }) => {
      const session = sessionOf();
      showPage(
        session,
        await (await session.client()).modules.list(options),
        ({ modules }) => modulesText(modules),
        ({ modules }) => modules.map(({ moduleId }) => moduleId),
      );
    });
  modules
    .command('show')
    .description('show a module, and the functions that it can be called by')
    .argument('<moduleId>', 'e.g. greeter-v1.1.0')
    .action(async (moduleId: string) => {
      const session = sessionOf();
      const module = await (await session.client()).modules.get(moduleId);
      session.terminal.result(module, moduleText, (view) => view.moduleId);
    });
}

function paged(program: Command, name: string, description: string): Command {
  return addPageOptions(program.command(name).description(description));
}

function modulesText(modules: readonly ModuleView[]): string {
  return table(
    ['MODULE', 'KIND', 'WASI', 'BYTES', 'DIGEST'],
    modules.map((module) => [
      module.moduleId,
      module.kind,
      module.wasiVersion,
      String(module.sizeBytes),
      module.digest.slice(0, 12),
    ]),
  );
}

function deploymentsText(session: CommandSession, deployments: readonly DeploymentView[]): string {
  const rows = deployments.map((one) => [
    one.deploymentId,
    one.moduleId,
    one.strategy,
    `${String(one.progressPercent)} %`,
    statusText(session.terminal, one),
    one.reason ?? '',
  ]);
  return table(['DEPLOYMENT', 'MODULE', 'STRATEGY', 'PROGRESS', 'STATUS', ''], rows);
}

function nodesText(nodes: readonly NodeView[]): string {
  const rows = nodes.map((node) => [
    node.nodeId,
    node.region,
    node.zone ?? '-',
    node.status,
    `${node.runtime} ${node.runtimeVersion}`,
    String(node.modulesLoaded),
    `${node.cpuUsagePercent.toFixed(0)} %`,
    `${node.memoryUsageMB.toFixed(0)} MB`,
  ]);
  return table(['NODE', 'REGION', 'ZONE', 'STATUS', 'RUNTIME', 'MODULES', 'CPU', 'MEMORY'], rows);
}

function routesText(routes: readonly RouteView[]): string {
  const rows = routes.map((route) => [
    route.moduleName,
    String(route.revision),
    route.releases.map((release) => `${release.version} ${String(Math.round(release.percent))} %`).join(', '),
    String(new Set(route.targets.map((target) => target.nodeId)).size),
  ]);
  return table(['MODULE', 'REVISION', 'REQUESTS GET', 'NODES'], rows);
}
