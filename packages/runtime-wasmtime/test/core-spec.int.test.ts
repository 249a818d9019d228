import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SkipReason, SpecRun } from './spec/spec-run.ts';
import { readSpecScript, specScripts } from './spec/spec-script.ts';
import { type TestHost, testHost } from './test-host.ts';

/** Assertions that hold; fewer means that some were lost. */
const leastPassed = 52_610;
/** Assertions that cannot be made, all of them. A change of these numbers needs a reason, and more of any kind a good one. */
const knownSkips: Partial<Record<SkipReason, number>> = {
  'the text format alone': 1256,
  'a feature that is switched off': 1316,
  'imports that are no functions': 517,
  'a function whose type is wrong: those of the host have none': 41,
  'references as arguments or results': 118,
  'the value of an exported global': 6,
  'an exception of another module: the host passes none on': 1,
  'the payload of a NaN, which no number of JavaScript carries': 7,
  'after a command that was skipped': 321,
};

describe('core specification', () => {
  const skipped: Partial<Record<SkipReason, number>> = {};
  let passed = 0;
  let test: TestHost;
  beforeAll(async () => {
    test = await testHost({ cacheDirectory: false, syncTimeoutMs: 1_000 });
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it.each(specScripts)('%s', async (script) => {
    await using run = new SpecRun(test.host, script);
    const report = await run.run(readSpecScript(script));
    expect(report.failures).toEqual([]);
    passed += report.passed;
    for (const [reason, count] of report.skipped) skipped[reason] = (skipped[reason] ?? 0) + count;
  });

  it('loses no assertion, and skips those alone whose reason is known', () => {
    process.stdout.write(`core specification: ${passed} assertions hold; skipped: ${JSON.stringify(skipped)}\n`);
    expect(passed).toBeGreaterThanOrEqual(leastPassed);
    expect(skipped).toEqual(knownSkips);
  });
});
