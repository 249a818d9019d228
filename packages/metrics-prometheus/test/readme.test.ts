import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as example from './readme-example.ts';

it('the README shows an example that runs', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('./readme-example.ts'));
  expect(example.metricsSources).toHaveProperty('prometheus.read');
  expect(example.autoRollback.triggers).toMatchObject([{ source: 'prometheus', minimumSamples: 0, threshold: 0.5 }]);
});
