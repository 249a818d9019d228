import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parseSource } from '../doc-comments.ts';
import { bindingCodes, engineCodes, engineMapping, errorTables, planeCodes } from '../error-tables.ts';
import { errorsPage } from '../pages/errors-page.ts';
import { findFiles, readText } from '../repository.ts';

const tables = await errorTables();
const plane = planeCodes().map(({ name }) => name);
const declared = [...tables.flatMap(({ codes }) => Object.keys(codes)), ...plane];
const sources = [...findFiles('packages/**/src/**/*.ts'), ...findFiles('packages/**/README.md')].filter(
  (path) => !path.endsWith('/error-codes.ts'),
);
/** Codes named by sources and READMEs, in code or in comments, and where. Fakes declare none of their own. */
const named = new Map(
  sources.flatMap((path) =>
    [...readText(path).matchAll(/\bHS_[A-Z0-9]+(?:_[A-Z0-9]+)+\b/g)].map(([code]) => [code, path] as const),
  ),
);

describe('error codes', () => {
  it('are written HS_AREA_CONDITION, with a status, in sentences', () => {
    for (const [code, { httpStatus, message }] of tables.flatMap(({ codes }) => Object.entries(codes))) {
      expect(code).toMatch(/^HS_[A-Z]+_[A-Z0-9_]+$/);
      expect(httpStatus, code).toBeGreaterThanOrEqual(400);
      expect(httpStatus, code).toBeLessThan(600);
      expect(message, code).not.toBe('');
    }
  });

  it('are all on the page, and the page has no others', async () => {
    const page = await errorsPage.render();
    const rows = [...page.matchAll(/^\| `(HS_\w+)` \|/gm)].map(([, code]) => code);
    expect(rows).toEqual(declared);
  });

  it('have a union type that is the keys of the table', () => {
    for (const { file } of tables) {
      const aliases = parseSource(file).statements.filter(ts.isTypeAliasDeclaration);
      const tables = [...readText(file).matchAll(/export const (\w+ErrorCodes)\b/g)].map(([, name]) => name);
      const unions = tables.map((table) => `keyof typeof ${table ?? ''}`);
      for (const alias of aliases) expect(unions, file).toContain(alias.type.getText());
    }
  });

  it('are declared when a source names them', () => {
    // A warning of the process has a code too, but is no error that a caller could meet.
    const warnings = sources.flatMap((path) =>
      [...readText(path).matchAll(/emitWarning\([\s\S]*?code: '(HS_\w+)'/g)].map(([, code]) => code),
    );
    const unknown = [...named]
      .filter(([code]) => !declared.includes(code) && !warnings.includes(code))
      .map(([code, path]) => `${code} in ${path}`);
    expect(unknown).toEqual([]);
  });

  it('are named by a source when they are declared', async () => {
    const fromEngine = Object.values(await engineMapping());
    const known = new Set([...fromEngine, ...plane]);
    expect(declared.filter((code) => !named.has(code) && !known.has(code))).toEqual([]);
  });
});

describe('codes of the native engine', () => {
  const engine = engineCodes().map(({ name }) => name);

  it('are found in the Rust table, and those of its listeners beside it', () => {
    expect(engine.length).toBeGreaterThan(20);
    expect(plane).toContain('HS_HTTP_VERSION_NOT_HERE');
    expect(planeCodes().every(({ status, detail }) => status !== '' && detail !== '')).toBe(true);
  });

  it('are the union of the binding', () => {
    expect([...bindingCodes()].sort()).toEqual([...engine].sort());
  });

  it('are all mapped to codes that are declared', async () => {
    const mapping = await engineMapping();
    expect(Object.keys(mapping)).toEqual(engine);
    for (const code of Object.values(mapping)) expect(declared).toContain(code);
  });
});
