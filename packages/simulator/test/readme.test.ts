import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { result } from './readme-example.ts';

it('the README shows an example that runs', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('./readme-example.ts'));
  expect(result).toMatchObject({ status: 'RolledBack', blastRadius: { nodes: 15, trafficPercent: 25 } });
});
