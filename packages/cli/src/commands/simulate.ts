import type { Command } from 'commander';
import type { SimulateRequest, SimulateTrainRequest, SimulationResult, SimulationScript } from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { simulateHere, simulateTrainHere } from '../compose.ts';
import { cliError } from '../error-codes.ts';
import { exitCodeOfStatus, exitCodes } from '../exit-codes.ts';
import { jsonObjectOption, jsonOption } from '../option-values.ts';
import { simulationText, trainSimulationText } from '../output/simulation-text.ts';
import { describedDeployment, requestOf, trainOf, type DeployOptions } from './deploy.ts';

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
    .description('try a deployment or a release train in virtual time, as a scenario file describes it')
    .argument('<file>', 'scenario: deployment or train, fleet, script of faults, seed')
    .option('--seed <number>', "another seed than the file's", seedOption)
    .option('--on-server', 'on the server; without a fleet in the file, over its own as it is now')
    .action(async (file: string, options: SimulateOptions) => {
      const session = sessionOf();
      const written = (await jsonObjectOption('the scenario', `@${file}`)) as SimulateRequest | SimulateTrainRequest;
      const request = options.seed === undefined ? written : { ...written, seed: options.seed };
      if ('train' in request) return simulateTrain(session, request, options.onServer === true);
      const result =
        options.onServer === true
          ? await (await session.client()).deployments.simulate(request, { signal: session.signal })
          : await simulateHere(request);
      session.terminal.result(result, (shown) => simulationText(session.terminal, shown));
      session.setExitCode(exitCodeOfResult(result));
    });
  describedDeployment(program.command('plan'))
    .description('tell what a deployment would change, and how it would go; nothing is moved')
    .option('--script <json>', 'what goes wrong meanwhile, as JSON or @file; default nothing', undefined)
    .option('--seed <number>', 'seed of the simulation', seedOption)
    .action(async ([moduleId, ...others]: readonly string[], options: PlanOptions) => {
      const session = sessionOf();
      const script =
        options.script === undefined ? undefined : ((await jsonOption('--script', options.script)) as SimulationScript);
      const conditions = {
        ...(script === undefined ? {} : { script }),
        ...(options.seed === undefined ? {} : { seed: options.seed }),
      };
      if (moduleId !== undefined && others.length > 0) {
        const train = await trainOf([moduleId, ...others], { ...options, execute: false });
        return simulateTrain(session, { train, ...conditions }, true);
      }
      const deployment = await requestOf(moduleId, { ...options, execute: false });
      const client = await session.client();
      const result = await client.deployments.simulate({ deployment, ...conditions }, { signal: session.signal });
      session.terminal.result(result, (shown) => simulationText(session.terminal, shown));
      session.setExitCode(exitCodeOfResult(result));
    });
}

async function simulateTrain(session: CommandSession, request: SimulateTrainRequest, onServer: boolean): Promise<void> {
  const result = onServer
    ? await (await session.client()).trains.simulate(request, { signal: session.signal })
    : await simulateTrainHere(request);
  session.terminal.result(result, (shown) => trainSimulationText(session.terminal, shown));
  const isRefused = result.members.some(({ refusal }) => refusal !== undefined);
  session.setExitCode(isRefused ? exitCodes.conflict : exitCodeOfResult(result));
}

/** A deployment that waits for people is no failure of a plan. */
const exitCodeOfResult = ({ status }: Pick<SimulationResult, 'status'>): number =>
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
