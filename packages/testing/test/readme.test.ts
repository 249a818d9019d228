import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { halves } from './readme-example.ts';

describe('the README', () => {
  it('shows a strategy and its suite as they run here', () => {
    const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
    expect(read('../README.md')).toContain(read('./readme-example.ts'));
    expect(halves.name).toBe('Halves');
  });
});
