import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allBlocks } from '../all-blocks.ts';
import { allPages } from '../all-pages.ts';
import { fillBlock } from '../generated-block.ts';
import { renderPage } from '../reference-page.ts';
import { findFiles, readText, root } from '../repository.ts';
import { requirementProblems, requirements } from '../requirements.ts';

describe('docs/reference', () => {
  it.each(allPages)('$path is what the sources say (npm run docs writes it)', async (page) => {
    const text = await renderPage(page);
    expect(existsSync(join(root, page.path)) ? readText(page.path) : 'missing').toBe(text);
  });

  it('holds no page that nothing writes', () => {
    expect(findFiles('docs/reference/*.md')).toEqual(allPages.map(({ path }) => path).sort());
  });
});

describe('generated parts of pages', () => {
  it.each(allBlocks)('$name of $path is what the sources say', async (block) => {
    const page = readText(block.path);
    expect(await fillBlock(page, block)).toBe(page);
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
