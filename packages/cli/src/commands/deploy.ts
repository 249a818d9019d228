import { Option, type Command } from 'commander';
import type { Json } from '@hotswap/core';
import type { AutoRollbackRequest, CreateDeploymentRequest, CreateTrainRequest } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { deployTrain } from '../deploy-train.ts';
import { cliError } from '../error-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect, jsonObjectOption, jsonOption, overrideOf, positiveNumber, variablesOf } from '../option-values.ts';
import { showDeployment, watchDeployment } from '../watch-deployment.ts';

/** Options of `deploy` and `plan` that describe a deployment. @internal */
export interface DeployOptions {
  readonly file?: string;
  readonly strategy?: string;
  readonly config?: string;
  readonly order?: 'interfaces' | 'given';
  readonly region?: readonly string[];
  readonly id?: string;
  readonly env?: readonly string[];
  readonly healthCheck?: string;
  readonly autoRollback?: string;
  readonly retention?: string;
  readonly mirror?: number;
  readonly mirrorFor?: string;
  readonly allowBreaking?: boolean;
  readonly execute: boolean;
  readonly override?: string;
  readonly watch?: boolean;
  readonly timeout?: number;
}

/** @internal */
export function addDeployCommand(program: Command, sessionOf: SessionOf): void {
  describedDeployment(program.command('deploy'))
    .description('roll a module version out, or several together as a train')
    .option('--id <id>', 'id of the deployment, or of the train (train-...); default a new one')
    .option('--no-execute', 'only create it')
    .option('--override <reason>', 'begin in a freeze or outside of the change windows: an emergency, kept on record')
    .option('-w, --watch', 'follow it to its end')
    .option('--timeout <seconds>', 'give up watching after', positiveNumber)
    .action(async ([moduleId, ...others]: readonly string[], options: DeployOptions) => {
      const session = sessionOf();
      if (moduleId !== undefined && others.length > 0)
        return deployTrain(session, await trainOf([moduleId, ...others], options), options);
      const request = await requestOf(moduleId, options);
      const client = await session.client();
      const created = await client.deployments.create(request, { signal: session.signal });
      const waits = created.status === 'PendingApproval';
      const shown =
        options.execute && !waits
          ? await client.deployments.execute(created.deploymentId, overrideOf(options.override), {
              signal: session.signal,
            })
          : created;
      if (waits) {
        session.setExitCode(exitCodes.paused);
      } else if (options.watch === true && options.execute) {
        session.terminal.say(`deployment ${created.deploymentId}: ${created.strategy} of ${created.moduleId}`);
        await watchDeployment(session, created.deploymentId, patienceOf(options));
        return undefined;
      }
      showDeployment(session, shown);
      return undefined;
    });
}

/** What `deploy` and `plan` take of a deployment or a train. @internal */
export function describedDeployment(command: Command): Command {
  return command
    .argument('[moduleId...]', 'e.g. greeter-v1.1.0; several are a train; default what --file says')
    .option('-f, --file <file>', 'the whole deployment as a JSON file; other options are laid over it')
    .option('--strategy <name>', "see hotswap strategies; default what is recommended for the server's environment")
    .option('--config <json>', "the strategy's configuration, as JSON or @file")
    .option('--region <region>', 'a target region; repeatable; default all', collect)
    .addOption(
      new Option('--order <order>', 'of a train: by what they import from one another, or as given').choices([
        'interfaces',
        'given',
      ]),
    )
    .option('--env <NAME=VALUE>', 'configuration of the release; repeatable', collect)
    .option('--health-check <json>', 'healthCheck block, as JSON or @file')
    .option('--auto-rollback <json>', 'autoRollback block, as JSON or @file')
    .option('--retention <duration>', 'how long the replaced version stays warm, e.g. PT1H')
    .option('--mirror <percent>', 'first copy that share of requests to it, and compare', positiveNumber)
    .option('--mirror-for <duration>', 'how long, e.g. PT10M', 'PT10M')
    .option('--allow-breaking', 'go on although users of the version that serves would break; only for admins');
}

const patienceOf = ({ timeout }: DeployOptions): { readonly timeoutSeconds?: number } =>
  timeout === undefined ? {} : { timeoutSeconds: timeout };

/** The train that options and a file describe. @throws HS_CLI_INVALID_OPTION, HS_CLI_UNREADABLE_FILE @internal */
export async function trainOf(moduleIds: readonly string[], options: DeployOptions): Promise<CreateTrainRequest> {
  const { file, id, order } = options;
  const written = file === undefined ? {} : await jsonObjectOption('--file', `@${file}`);
  const { deploymentId: _id, ...given } = await givenOptions(undefined, options);
  return {
    ...written,
    ...given,
    ...releaseOf(written, given),
    moduleIds,
    ...(id === undefined ? {} : { trainId: id }),
    ...(order === undefined ? {} : { order }),
  };
}

/** The deployment that options and a file describe. @throws HS_CLI_INVALID_OPTION, HS_CLI_UNREADABLE_FILE @internal */
export async function requestOf(
  moduleId: string | undefined,
  options: DeployOptions,
): Promise<CreateDeploymentRequest> {
  const written = options.file === undefined ? {} : await jsonObjectOption('--file', `@${options.file}`);
  // What else is wrong with the file the server says, with pointers.
  const given = await givenOptions(moduleId, options);
  const request = {
    ...written,
    ...given,
    ...releaseOf(written, given),
    ...trafficOf(written, given),
  } as CreateDeploymentRequest;
  if (typeof request.moduleId !== 'string')
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: 'moduleId',
      why: 'name a module version, or a --file that has a moduleId',
    });
  return request;
}

/** A mirror by options takes no testers away that the file names. */
const trafficOf = (
  written: Partial<CreateDeploymentRequest>,
  { traffic }: Partial<CreateDeploymentRequest>,
): Partial<CreateDeploymentRequest> => (traffic === undefined ? {} : { traffic: { ...written.traffic, ...traffic } });

/** Nor do variables by options take away what else the file says of the release. */
function releaseOf(
  written: Partial<CreateDeploymentRequest>,
  { release }: Partial<CreateDeploymentRequest>,
): Partial<CreateDeploymentRequest> {
  if (release === undefined) return {};
  const config = { ...written.release?.config, ...release.config };
  return { release: { ...written.release, ...release, config } };
}

async function givenOptions(
  moduleId: string | undefined,
  options: DeployOptions,
): Promise<Partial<CreateDeploymentRequest>> {
  const config = options.config === undefined ? undefined : await jsonOption('--config', options.config);
  const env = variablesOf('--env', options.env);
  return {
    ...(moduleId === undefined ? {} : { moduleId }),
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(config === undefined ? {} : { strategyConfig: config }),
    ...(options.region === undefined ? {} : { targetRegions: options.region }),
    ...(options.allowBreaking === undefined ? {} : { allowBreaking: options.allowBreaking }),
    ...(options.id === undefined ? {} : { deploymentId: options.id }),
    ...(Object.keys(env).length === 0 ? {} : { release: { config: env } }),
    ...(options.healthCheck === undefined
      ? {}
      : { healthCheck: (await jsonOption('--health-check', options.healthCheck)) as Record<string, Json> }),
    ...(options.autoRollback === undefined
      ? {}
      : { autoRollback: (await jsonOption('--auto-rollback', options.autoRollback)) as AutoRollbackRequest }),
    ...(options.retention === undefined ? {} : { retention: options.retention }),
    ...(options.mirror === undefined
      ? {}
      : { traffic: { mirror: { percent: options.mirror, duration: options.mirrorFor ?? 'PT10M' } } }),
  };
}
