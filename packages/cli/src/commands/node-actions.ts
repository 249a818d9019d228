import type { Command } from 'commander';
import type { SessionOf } from '../command-session.ts';
import { collect, positiveNumber } from '../option-values.ts';

/** `enable`, `disable` and `join`: what administrators do with nodes. @internal */
export function addNodeActionCommands(program: Command, sessionOf: SessionOf): void {
  for (const [name, isEnabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    program
      .command(name)
      .description(isEnabled ? 'let new deployments take a node again' : 'keep new deployments off a node')
      .argument('<nodeId>')
      .action(async (nodeId: string) => {
        const session = sessionOf();
        const node = await (await session.client()).nodes.update(nodeId, { isEnabled }, { signal: session.signal });
        session.terminal.result(
          node,
          (view) => `${view.nodeId} is ${view.isEnabled ? 'enabled' : 'disabled'}`,
          (view) => view.nodeId,
        );
      });
  }
  program
    .command('join')
    .description('make a token with which a node joins')
    .option('--uses <n>', 'how many nodes may use it', positiveNumber, 1)
    .option('--expires-in <duration>', 'e.g. PT5M')
    .option('--region <region>', 'only for nodes of this region; repeatable', collect)
    .action(
      async (options: { readonly uses: number; readonly expiresIn?: string; readonly region?: readonly string[] }) => {
        const session = sessionOf();
        const request = {
          uses: options.uses,
          ...(options.expiresIn === undefined ? {} : { expiresIn: options.expiresIn }),
          ...(options.region === undefined ? {} : { regions: options.region }),
        };
        const made = await (await session.client()).nodes.createJoinToken(request, { signal: session.signal });
        session.terminal.result(
          made,
          (view) =>
            `${view.token}\n(shown once; ${String(view.uses)} use${view.uses === 1 ? '' : 's'}, until ${view.expiresAt})`,
          (view) => view.token,
        );
      },
    );
}
