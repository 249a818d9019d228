import type { z } from 'zod';
import { interfaceProperties, literalDocs, parseSource, splitDefault } from '../doc-comments.ts';
import { defaultText, inputSchema, typeText, type JsonSchema } from '../json-schema.ts';
import { code, plain, table } from '../markdown.ts';
import { importSource } from '../repository.ts';
import type { ReferencePage } from '../reference-page.ts';

const serverSchemaFile = 'packages/server/src/config/schema.ts';
const agentSchemaFile = 'packages/edge-agent/src/config/agent-config.ts';

interface ServerConfigSources {
  readonly serverConfigSchema: z.ZodType;
  readonly environmentNames: Readonly<Record<string, readonly string[]>>;
  readonly secretKeys: ReadonlySet<string>;
}

interface AgentConfigSources {
  readonly agentConfigSchema: z.ZodType;
  readonly secretKeys: ReadonlySet<string>;
  readonly structuredKeys: ReadonlySet<string>;
}

/** One key of a program's configuration. */
export interface ConfigurationKey {
  readonly name: string;
  /** Without it: `--flag`. Absent when the key cannot be given on the command line. */
  readonly flag?: string;
  readonly environment: readonly string[];
  readonly type: string;
  readonly default: string;
  readonly meaning: string;
  readonly needed: boolean;
}

/** Keys of the server and of the agent, by their three sources. */
export const configurationPage: ReferencePage = {
  path: 'docs/reference/configuration.md',
  title: 'Configuration',
  render: async () =>
    [
      'Flags win over environment variables, these over the file, that over defaults. An unknown key or a wrong value ends the program before it does anything, and says where the value came from. A duration is ISO-8601 text (`PT30S`, `PT5M`) or a bare number of seconds.',
      '## Server',
      '`--config FILE` names the JSON file; without it `hotswap.config.json` is read when it is there. `hotswap.config.Production.json` lies above it in Production, and so on. Keys begin with a small or a capital letter; the sections of an `appsettings.json` are understood as well, see [the guide](../guides/configuration.md). `${NAME}` and `${NAME:-text}` in a text of the file are replaced by that environment variable. Secrets have no flag, and a variable `NAME_FILE` for a file beside the one for the value. In Development nothing has to be set.',
      keyTable(await serverKeys()),
      '## Agent',
      '`wasm-edge-agent --config FILE`, or `HOTSWAP_AGENT_CONFIG`. `${NAME}` in a text of the file is replaced by that environment variable. Environment variables of keys that hold objects or lists are JSON.',
      keyTable(await agentKeys()),
    ].join('\n\n'),
};

function keyTable(keys: readonly ConfigurationKey[]): string {
  return table(
    ['key', 'flag', 'environment', 'type', 'needed', 'default', 'meaning'],
    keys.map((key) => [
      code(key.name),
      key.flag === undefined ? '' : code(`--${key.flag}`),
      key.environment.map(code).join(', '),
      key.type,
      key.needed ? 'yes' : '',
      key.default,
      plain(key.meaning),
    ]),
  );
}

/** Keys of the server's schema. */
export async function serverKeys(): Promise<readonly ConfigurationKey[]> {
  const { serverConfigSchema, environmentNames, secretKeys } =
    await importSource<ServerConfigSources>(serverSchemaFile);
  const declared = new Map(
    interfaceProperties(parseSource(serverSchemaFile), 'ServerConfig').map((member) => [member.name, member]),
  );
  return Object.entries(inputSchema(serverConfigSchema).properties ?? {}).map(([name, schema]) => {
    const { meaning, default: told } = splitDefault(declared.get(name)?.doc ?? '');
    const union = literals(declared.get(name)?.type ?? '');
    return {
      name,
      ...(secretKeys.has(name) ? {} : { flag: serverFlag(name) }),
      environment: environmentNames[name] ?? [],
      type: union ?? typeText(schema),
      default: plain(told),
      meaning,
      needed: false,
    };
  });
}

/** Keys of the agent's file. */
export async function agentKeys(): Promise<readonly ConfigurationKey[]> {
  const { agentConfigSchema, secretKeys, structuredKeys } = await importSource<AgentConfigSources>(agentSchemaFile);
  const schema = inputSchema(agentConfigSchema);
  const source = parseSource(agentSchemaFile);
  const declared = interfaceProperties(source, 'AgentConfig');
  const written = literalDocs(source);
  return Object.entries(schema.properties ?? {}).map(([name, member]: [string, JsonSchema]) => {
    const doc =
      written.get(name) ?? declared.find((property) => withoutUnit(property.name) === withoutUnit(name))?.doc ?? '';
    const { meaning, default: told } = splitDefault(doc);
    const flag = kebab(name);
    return {
      name,
      ...(secretKeys.has(name) || structuredKeys.has(name) ? {} : { flag }),
      environment: [`HOTSWAP_AGENT_${flag.replaceAll('-', '_').toUpperCase()}`],
      type: typeText(member),
      default: told === '' ? defaultText(member.default) : plain(told),
      meaning,
      needed: schema.required?.includes(name) ?? false,
    };
  });
}

/** `'a' | 'b'` as a list of code, which coercing schemas do not show. */
function literals(type: string): string | undefined {
  return /^'[^']*'(?: \| '[^']*')+$/.test(type) ? type.replaceAll("'", '`').replaceAll(' | ', ', ') : undefined;
}

const withoutUnit = (name: string): string => name.toLowerCase().replace(/(?:ms|bytes|mb)$/, '');
const kebab = (key: string): string => key.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
/** Flags of the server leave out the unit: a test holds this to what the server takes. */
const serverFlag = (key: string): string => kebab(key.replace(/(?:MB|Bytes)$/, ''));
