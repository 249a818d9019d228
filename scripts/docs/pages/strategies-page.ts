import ts from 'typescript';
import { docOf, interfaceProperties, literalDocs, parseSource, splitDefault } from '../doc-comments.ts';
import { defaultText, inputSchema, typeText, type JsonSchema } from '../json-schema.ts';
import { code, plain, table } from '../markdown.ts';
import { findFiles } from '../repository.ts';
import type { ReferencePage } from '../reference-page.ts';
import { findStrategies, type StrategySource } from '../strategies.ts';

/** A key of a `strategyConfig`. */
export interface StrategyKey {
  readonly name: string;
  readonly type: string;
  readonly default: string;
  readonly meaning: string;
}

/** Keys that all strategies have, with their schema. */
const sharedKeys = 'packages/core/src/model/strategy-health-check.ts';

/** Strategies, what they do, and every key of their configuration. */
export const strategiesPage: ReferencePage = {
  path: 'docs/reference/strategies.md',
  title: 'Strategies',
  render: async () =>
    [
      'The `strategy` of a deployment and the keys of its `strategyConfig`. Unknown keys are refused with `HS_STRATEGY_INVALID_CONFIG`, which points at each of them. A duration is ISO-8601 text of days, hours, minutes and seconds (`PT30S`, `PT5M`) or a bare number of seconds.',
      ...(await findStrategies()).flatMap(section),
    ].join('\n\n'),
};

function section(source: StrategySource): readonly string[] {
  const { strategy, packageName } = source;
  const keys = strategyKeys(source);
  return [
    `## ${strategy.name}`,
    `${plain(factoryDoc(source))} Package ${code(packageName)}, version ${String(strategy.version)} of the strategy.`,
    table(
      ['key', 'type', 'default', 'meaning'],
      keys.map((key) => [code(key.name), key.type, key.default, plain(key.meaning)]),
    ),
  ];
}

/** Keys that the configuration schema takes; meanings come from the doc comments of schema and configuration type. */
export function strategyKeys({ strategy, folder }: StrategySource): readonly StrategyKey[] {
  const [file = ''] = findFiles(`${folder}/src/*-options.ts`);
  const source = parseSource(file);
  const shared = parseSource(sharedKeys);
  const declared = new Map(
    [
      ...interfaceProperties(shared, 'StrategyHealthCheck'),
      ...interfaceProperties(source, configInterface(source)),
    ].map((member) => [member.name, member.doc]),
  );
  const written = new Map([...literalDocs(shared), ...literalDocs(source)]);
  const filled = strategy.configSchema.parse(undefined) as Record<string, unknown>;
  const properties: Readonly<Record<string, JsonSchema>> = inputSchema(strategy.configSchema).properties ?? {};
  return Object.entries(properties).map(([name, schema]) => {
    const { meaning, default: told } = splitDefault(written.get(name) ?? declared.get(name) ?? '');
    const value = filled[name] ?? schema.default;
    return { name, type: typeText(schema), default: value === undefined ? plain(told) : defaultText(value), meaning };
  });
}

function configInterface(source: ts.SourceFile): string {
  const found = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text.endsWith('Config'),
  );
  return found !== undefined && ts.isInterfaceDeclaration(found) ? found.name.text : '';
}

function factoryDoc({ folder }: StrategySource): string {
  const [file = ''] = findFiles(`${folder}/src/*-strategy.ts`);
  const factory = parseSource(file).statements.find(
    (statement) => ts.isFunctionDeclaration(statement) && docOf(statement) !== '',
  );
  return factory === undefined ? '' : docOf(factory);
}
