// The lint rules of strategies, run by ESLint on the repository's own configuration: a rule that stopped working would
// otherwise be noticed when a rollout is lost.
import { rmSync, writeFileSync } from 'node:fs';
import { ESLint } from 'eslint';
import { afterAll, describe, expect, it } from 'vitest';
import { inRoot, root } from '../bootstrap/paths.mjs';

const probe = inRoot('packages', 'strategies', 'all-at-once', 'src', `lint-probe-${process.pid}.ts`);
const imports = "import { attempt, deploy, progress, type NodeSet, type Steps } from '@hotswap/core';\n";

async function rulesBrokenBy(code) {
  writeFileSync(probe, code);
  const [result] = await new ESLint({ cwd: root }).lintFiles([probe]);
  return result.messages.filter((message) => message.severity === 2).map((message) => message.ruleId);
}

afterAll(() => rmSync(probe, { force: true }));

describe('lint of strategies', () => {
  it.each([
    [
      'a catch around a yield',
      'try { yield* deploy({ nodes }); } catch { yield* progress({ percent: 1 }); }',
      'hotswap/no-catch-around-yield',
    ],
    [
      'a yield in finally',
      'try { yield* deploy({ nodes }); } finally { yield* progress({ percent: 1 }); }',
      'hotswap/no-yield-in-finally',
    ],
    [
      'steps that are made and not run',
      'deploy({ nodes }); yield* progress({ percent: 1 });',
      'hotswap/steps-need-delegation',
    ],
    ['a yield without a star', 'yield deploy({ nodes }) as never;', 'hotswap/steps-need-delegation'],
    ['the clock', 'if (Date.now() > 0) yield* deploy({ nodes });', 'no-restricted-globals'],
    ['randomness', 'if (Math.random() > 0) yield* deploy({ nodes });', 'no-restricted-properties'],
    ['an error without a code', "yield* deploy({ nodes }); throw new Error('no');", 'no-restricted-syntax'],
  ])('refuses %s', { timeout: 60_000 }, async (_what, body, rule) => {
    expect(
      await rulesBrokenBy(
        `${imports}export function* probe(nodes: NodeSet): Steps { void attempt; void progress; ${body} }\n`,
      ),
    ).toContain(rule);
  });

  it('accepts steps that are delegated to, returned or handed on', { timeout: 60_000 }, async () => {
    const code = `${imports}export function* probe(nodes: NodeSet): Steps {
      const tried = yield* attempt(() => deploy({ nodes }));
      if (tried.ok) yield* progress({ percent: 100 });
    }
    export const alias = (nodes: NodeSet): Steps<unknown> => deploy({ nodes });\n`;
    expect(await rulesBrokenBy(code)).toEqual([]);
  });
});
