import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPages } from '../all-pages.ts';
import { renderPage } from '../reference-page.ts';
import { findFiles, readText, root } from '../repository.ts';
import { requirementProblems, requirements } from '../requirements.ts';

describe('docs/reference', () => {
  it.each(allPages)('$path is what the sources say (scripts/docs/main.ts writes it)', async (page) => {
    const text = await renderPage(page);
    expect(existsSync(join(root, page.path)) ? readText(page.path) : 'missing').toBe(text);
  });

  it('holds no page that nothing writes', () => {
    expect(findFiles('docs/reference/*.md')).toEqual(allPages.map(({ path }) => path).sort());
  });
});

describe('docs/requirements.md', () => {
  it('names only tests and commands that exist, and a proof for every tick', () => {
    expect(requirementProblems()).toEqual([]);
  });

  it('still has every id', () => {
    expect(requirements().length).toBeGreaterThan(150);
  });
});
