import type { Command } from 'commander';
import type { PutPolicyRequest } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { jsonOption } from '../option-values.ts';

/** `hotswap policy`: approvals, change windows and freezes of the tenant. @internal */
export function addPolicyCommands(program: Command, sessionOf: SessionOf): void {
  const policy = program.command('policy').description('approvals, change windows and freezes of deployments');
  policy
    .command('get', { isDefault: true })
    .description('write the policy as JSON, as `policy set` takes it')
    .action(async () => {
      const session = sessionOf();
      const read = await (await session.client()).policy.get({ signal: session.signal });
      session.terminal.result(read, (shown) => JSON.stringify(shown, null, 2));
    });
  policy
    .command('set')
    .description('put a policy in the place of the whole one; with a revision in it only of that one')
    .argument('<file>', 'JSON as `policy get` writes it')
    .action(async (file: string) => {
      const session = sessionOf();
      // What is wrong with it the server says, with pointers.
      const written = (await jsonOption('the policy', `@${file}`)) as PutPolicyRequest;
      const set = await (await session.client()).policy.put(written, { signal: session.signal });
      session.terminal.result(set, ({ revision }) => `the policy is at revision ${String(revision)}`);
    });
}
