import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as example from './readme-example.ts';

it('the README shows an example that runs', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('./readme-example.ts'));
  expect(example.changes).toEqual([
    {
      severity: 'breaking',
      kind: 'field-type-changed',
      direction: 'export',
      path: 'acme:img/resize@1.2.0#scale.param[1:to].record(size).field[h]',
      before: 'u32',
      after: 'u64',
    },
  ]);
});
