import type { Command } from 'commander';
import type { SessionOf } from '../command-session.ts';
import { positiveNumber } from '../option-values.ts';
import { showDeployment, watchDeployment } from '../watch-deployment.ts';
import { findTrain, showTrain, watchTrain } from '../watch-train.ts';

/** @internal */
export function addStatusCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('status')
    .description('show a deployment, or a train')
    .argument('<id>')
    .option('-w, --watch', 'follow it to its end; the exit code says how it ended')
    .option('--timeout <seconds>', 'give up watching after', positiveNumber)
    .action(async (deploymentId: string, options: { readonly watch?: boolean; readonly timeout?: number }) => {
      const session = sessionOf();
      const client = await session.client();
      const train = await findTrain(client, deploymentId);
      if (train !== null) {
        if (options.watch === true) return watchTrain(session, deploymentId, options.timeout);
        showTrain(session, train);
        return undefined;
      }
      const deployment = await client.deployments.get(deploymentId);
      if (options.watch === true) {
        await watchDeployment(
          session,
          deploymentId,
          options.timeout === undefined ? {} : { timeoutSeconds: options.timeout },
        );
        return undefined;
      }
      showDeployment(session, deployment);
      return undefined;
    });
}
