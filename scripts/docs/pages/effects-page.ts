import ts from 'typescript';
import {
  docOf,
  findVariable,
  interfaceProperties,
  parseSource,
  splitDefault,
  type DocumentedProperty,
} from '../doc-comments.ts';
import { code, plain, table } from '../markdown.ts';
import { findFiles, importSource } from '../repository.ts';
import type { ReferencePage } from '../reference-page.ts';

const effectFile = 'packages/core/src/effects/effect.ts';
const creatorFile = 'packages/core/src/effects/create-effects.ts';
const composerFile = 'packages/core/src/effects/compose-steps.ts';
const handlerTableFile = 'packages/core/src/rollout/effect-handlers.ts';
const handlerFiles = 'packages/core/src/rollout/handlers/*.ts';
const schemaFile = 'packages/core/src/rollout/effect-schema.ts';

/** What core knows of its effects and keeps to itself. */
export interface EffectSources {
  readonly handlers: Readonly<Record<string, { readonly instant?: true }>>;
  readonly schemas: Readonly<Record<string, object>>;
  readonly versions: Readonly<Record<string, readonly number[]>>;
  readonly creators: Readonly<Record<string, unknown>>;
}

/** The tables that have a row for every kind. */
export async function effectSources(): Promise<EffectSources> {
  const { effectHandlers } = await importSource<{ effectHandlers: EffectSources['handlers'] }>(handlerTableFile);
  const { effectInputSchemas, effectVersions } = await importSource<{
    effectInputSchemas: EffectSources['schemas'];
    effectVersions: EffectSources['versions'];
  }>(schemaFile);
  return {
    handlers: effectHandlers,
    schemas: effectInputSchemas,
    versions: effectVersions,
    creators: await importSource<Record<string, unknown>>(creatorFile),
  };
}

/** The kinds as `EffectTable` declares them. */
export function declaredEffects(): readonly DocumentedProperty[] {
  return interfaceProperties(parseSource(effectFile), 'EffectTable');
}

/** Doc comment of each kind's handler. */
function handlerDocs(): ReadonlyMap<string, string> {
  const sources = findFiles(handlerFiles).map(parseSource);
  return new Map(
    declaredEffects().map(({ name }) => [
      name,
      sources.map((source) => findVariable(source, `${name}Handler`)?.doc ?? '').find((doc) => doc !== '') ?? '',
    ]),
  );
}

/** Functions that make one step of several effects. */
function composers(): readonly (readonly [string, string])[] {
  return parseSource(composerFile).statements.flatMap((statement) =>
    ts.isFunctionDeclaration(statement) && docOf(statement) !== ''
      ? [[statement.name?.text ?? '', docOf(statement)] as const]
      : [],
  );
}

/** What a strategy can yield, from the type, the handlers and the schemas of core. */
export const effectsPage: ReferencePage = {
  path: 'docs/reference/effects.md',
  title: 'Effects',
  render: async () => {
    const sources = await effectSources();
    const docs = handlerDocs();
    return [
      'What a strategy can ask the engine for, and what it gets back. An effect is JSON with `kind`, `version`, `input` and, inside `within`, `scope`. Its input is checked when it is yielded: unknown members and values out of range stop the deployment with `HS_STRATEGY_INVALID_EFFECT`. A creator of the same name in `@hotswap/core` makes a typed step out of it: `const { ready } = yield* deploy({ nodes: targets })`. A failed effect throws `StageFailed`; uncaught, the engine restores the baseline.',
      ...declaredEffects().flatMap((effect) => section(effect, docs.get(effect.name) ?? '', sources)),
      '## Steps of several effects',
      table(
        ['function', 'does'],
        composers().map(([name, doc]) => [code(name), plain(doc)]),
      ),
    ].join('\n\n');
  },
};

function section(
  effect: DocumentedProperty,
  handlerDoc: string,
  { handlers, versions }: EffectSources,
): readonly string[] {
  const input = effect.members.find(({ name }) => name === 'input')?.members ?? [];
  const value = effect.members.find(({ name }) => name === 'value')?.type ?? '';
  const duration = handlers[effect.name]?.instant === true ? 'Begins and ends in one commit.' : '';
  return [
    `## ${effect.name}`,
    [plain(effect.doc), plain(handlerDoc), duration].filter((text) => text !== '').join(' '),
    table(['input', 'type', 'needed', 'default', 'meaning'], input.map(inputRow)),
    `Version ${(versions[effect.name] ?? []).join(', ')}. ${value === 'never' ? 'Gives nothing back: it always fails.' : `Gives back ${code(value.replaceAll('readonly ', ''))}.`}`,
  ];
}

function inputRow(member: DocumentedProperty): readonly string[] {
  const { meaning, default: value } = splitDefault(member.doc);
  return [
    code(member.name),
    code(member.type.replaceAll('readonly ', '')),
    member.optional ? '' : 'yes',
    plain(value),
    plain(meaning),
  ];
}
