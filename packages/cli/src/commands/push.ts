import { basename } from 'node:path';
import type { Command } from 'commander';
import type { ModuleMetadata } from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { collect, jsonObjectOption, positiveNumber, readFileOf } from '../option-values.ts';
import { moduleText } from '../output/module-text.ts';
import { addServingOptions, servingOf, type ServingOptions } from './push-serving.ts';

interface PushOptions extends ServingOptions {
  readonly module?: string;
  readonly name?: string;
  readonly version?: string;
  readonly wasiVersion?: string;
  readonly interface?: readonly string[];
  readonly maxMemoryMb?: number;
  readonly maxExecutionTime?: string;
  readonly healthFunction?: string;
  readonly healthCheck?: boolean | string;
}

/** @internal */
export function addPushCommand(program: Command, sessionOf: SessionOf): void {
  const push = program
    .command('push')
    .description('register a module version')
    .argument('<file>', 'a .wasm binary; NAME-X.Y.Z.wasm gives name and version')
    .option(
      '--module <json>',
      'what is said of the module besides its bytes, as JSON or @file; other options win over it',
    )
    .option('--name <name>', 'module name, instead of the file name')
    .option('--version <version>', 'semantic version, instead of the file name; absent in both: the next patch')
    .option('--wasi-version <level>', 'none, preview1, preview2 or preview3; checked against the binary')
    .option('--interface <name>', 'an interface that it may import at most; repeatable', collect)
    .option('--max-memory-mb <mb>', 'limit of one instance', positiveNumber)
    .option('--max-execution-time <duration>', 'limit of one call, e.g. PT2S')
    .option('--health-function <name>', 'exported function to ask for health; default health_check')
    .option('--health-check <json>', 'whole healthCheck block, as JSON or @file')
    .option('--no-health-check', 'the module has no health function');
  addServingOptions(push).action(async (file: string, options: PushOptions) => {
    const session = sessionOf();
    const wasm = await readFileOf(file);
    const client = await session.client();
    const module = await client.modules.register(
      { ...(await metadataOf(file, options)), wasm },
      { signal: session.signal },
    );
    session.terminal.result(module, moduleText, (view) => view.moduleId);
  });
}

async function metadataOf(file: string, options: PushOptions): Promise<ModuleMetadata> {
  const fromFile = /^(.+?)(?:-v?(\d+\.\d+\.\d+(?:[-+].+)?))?\.wasm$/.exec(basename(file));
  const said = options.module === undefined ? {} : await moduleFile(options.module);
  const name = options.name ?? said.name ?? fromFile?.[1];
  if (name === undefined)
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: '--name',
      why: `the file name ${basename(file)} does not give one`,
    });
  const named = options.name ?? said.name;
  const version = options.version ?? said.version ?? (named === undefined ? fromFile?.[2] : undefined);
  const limits = {
    ...said.resourceLimits,
    ...(options.maxMemoryMb === undefined ? {} : { maxMemoryMB: options.maxMemoryMb }),
    ...(options.maxExecutionTime === undefined ? {} : { maxExecutionTime: options.maxExecutionTime }),
  };
  return {
    ...said,
    name,
    ...(version === undefined ? {} : { version }),
    ...(options.wasiVersion === undefined
      ? {}
      : { wasiVersion: options.wasiVersion as NonNullable<ModuleMetadata['wasiVersion']> }),
    ...(options.interface === undefined ? {} : { interfaces: options.interface }),
    ...(Object.keys(limits).length === 0 ? {} : { resourceLimits: limits }),
    ...(await servingOf(options, said)),
    ...(await healthOf(options)),
  };
}

function moduleFile(text: string): Promise<Partial<ModuleMetadata>> {
  return jsonObjectOption('--module', text);
}

async function healthOf(options: PushOptions): Promise<Pick<ModuleMetadata, 'healthCheck'>> {
  if (options.healthCheck === false) return { healthCheck: { enabled: false } };
  const block =
    typeof options.healthCheck === 'string' ? await jsonObjectOption('--health-check', options.healthCheck) : {};
  const merged = {
    ...block,
    ...(options.healthFunction === undefined ? {} : { functionName: options.healthFunction }),
  };
  return Object.keys(merged).length === 0 ? {} : { healthCheck: merged };
}
