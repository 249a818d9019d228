import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { parseSource } from '../doc-comments.ts';
import { inputSchema } from '../json-schema.ts';
import { declaredEffects, effectSources, effectsPage } from '../pages/effects-page.ts';
import { findFiles } from '../repository.ts';

const kinds = declaredEffects().map(({ name }) => name);
const sources = await effectSources();

describe('effects', () => {
  it('have a handler, a schema, a version and a creator for every kind, and for no other', () => {
    for (const [table, entries] of Object.entries(sources))
      expect(Object.keys(entries as object).sort(), table).toEqual([...kinds].sort());
  });

  it('have a section each, and there is no other', async () => {
    const headings = [...(await effectsPage.render()).matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(kinds);
  });

  it.each(declaredEffects())('$name takes by its schema what its type says', ({ name, members }) => {
    const input = members.find((member) => member.name === 'input')?.members ?? [];
    const schema = inputSchema(sources.schemas[name] as z.ZodType);
    expect(Object.keys(schema.properties ?? {}).sort()).toEqual(input.map((member) => member.name).sort());
    expect([...(schema.required ?? [])].sort()).toEqual(
      input
        .filter(({ optional }) => !optional)
        .map((member) => member.name)
        .sort(),
    );
  });

  it.each(declaredEffects())('$name says what each input means', ({ members }) => {
    const input = members.find((member) => member.name === 'input')?.members ?? [];
    expect(input.filter(({ doc }) => doc === '').map(({ name }) => name)).toEqual([]);
  });

  it('say the defaults that their handlers have', () => {
    const spoken = JSON.stringify(declaredEffects()).replaceAll(',', '');
    const constants = findFiles('packages/core/src/rollout/handlers/*.ts').flatMap((path) =>
      [...parseSource(path).text.matchAll(/^const default\w+ = '?([^';]+)'?;$/gm)].map(([, value = '']) =>
        value.replaceAll('_', ''),
      ),
    );
    expect(constants.length).toBeGreaterThan(4);
    for (const value of constants) expect(spoken).toMatch(new RegExp(`Default:? \`?${value}\\b`));
  });
});
