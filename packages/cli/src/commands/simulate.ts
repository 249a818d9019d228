import type { Command } from 'commander';
import type { SimulateRequest, SimulationResult, SimulationScript } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { simulateHere } from '../compose.ts';
import { cliError } from '../error-codes.ts';
import { exitCodeOfStatus, exitCodes } from '../exit-codes.ts';
import { collect, jsonOption } from '../option-values.ts';
import { simulationText } from '../output/simulation-text.ts';
import { requestOf, type DeployOptions } from './deploy.ts';

interface SimulateOptions {
  readonly seed?: number;
  readonly onServer?: boolean;
}

interface PlanOptions extends Omit<DeployOptions, 'execute'> {
  readonly script?: string;
  readonly seed?: number;
}

/** @internal */
export function addSimulateCommands(program: Command, sessionOf: SessionOf): void {
  program
    .command('simulate')
    .description('try a deployment in virtual time, as a scenario file describes it')
    .argument('<file>', 'scenario: deployment, fleet, script of faults, seed')
    .option('--seed <number>', "another seed than the file's", seedOption)
    .option('--on-server', 'on the server; without a fleet in the file, over its own as it is now')
    .action(async (file: string, options: SimulateOptions) => {
      const session = sessionOf();
      const written = (await jsonOption('the scenario', `@${file}`)) as unknown as SimulateRequest;
      const request = options.seed === undefined ? written : { ...written, seed: options.seed };
      const result =
        options.onServer === true
          ? await (await session.client()).deployments.simulate(request, { signal: session.signal })
          : await simulateHere(request);
      session.terminal.result(result, (shown) => simulationText(session.terminal, shown));
      session.setExitCode(exitCodeOfResult(result));
    });
  program
    .command('plan')
    .description('tell what a deployment would change, and how it would go; nothing is moved')
    .argument('[moduleId]', 'e.g. greeter-v1.1.0; default what --file says')
    .option('-f, --file <file>', 'the whole deployment as a JSON file; other options are laid over it')
    .option('--strategy <name>', "see hotswap strategies; default what is recommended for the server's environment")
    .option('--config <json>', "the strategy's configuration, as JSON or @file")
    .option('--region <region>', 'a target region; repeatable; default all', collect)
    .option('--env <NAME=VALUE>', 'configuration of the release; repeatable', collect)
    .option('--health-check <json>', 'healthCheck block, as JSON or @file')
    .option('--auto-rollback <json>', 'autoRollback block, as JSON or @file')
    .option('--retention <duration>', 'how long the replaced version stays warm, e.g. PT1H')
    .option('--script <json>', 'what goes wrong meanwhile, as JSON or @file; default nothing', undefined)
    .option('--seed <number>', 'seed of the simulation', seedOption)
    .action(async (moduleId: string | undefined, options: PlanOptions) => {
      const session = sessionOf();
      const deployment = await requestOf(moduleId, { ...options, execute: false });
      const script =
        options.script === undefined ? undefined : ((await jsonOption('--script', options.script)) as SimulationScript);
      const client = await session.client();
      const result = await client.deployments.simulate(
        {
          deployment,
          ...(script === undefined ? {} : { script }),
          ...(options.seed === undefined ? {} : { seed: options.seed }),
        },
        { signal: session.signal },
      );
      session.terminal.result(result, (shown) => simulationText(session.terminal, shown));
      session.setExitCode(exitCodeOfResult(result));
    });
}

/** A deployment that waits for people is no failure of a plan. */
const exitCodeOfResult = ({ status }: SimulationResult): number =>
  status === 'Paused' ? exitCodes.ok : exitCodeOfStatus(status);

function seedOption(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff)
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: '--seed',
      why: 'it must be a whole number from 0 to 4294967295',
    });
  return seed;
}
