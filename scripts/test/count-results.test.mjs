import { describe, expect, it } from 'vitest';
import { countsOfCargoTest, countsOfFaults, countsOfVitest } from './count-results.mjs';

describe('countsOfVitest', () => {
  it('counts a file that did not load as one failure', () => {
    const report = {
      numPassedTests: 3,
      numFailedTests: 1,
      numPendingTests: 2,
      testResults: [
        { status: 'passed', assertionResults: [{ status: 'passed' }] },
        { status: 'failed', assertionResults: [{ status: 'failed' }] },
        { status: 'failed', assertionResults: [] },
      ],
    };
    expect(countsOfVitest(report)).toEqual({ passed: 3, failed: 2, skipped: 2 });
  });
});

describe('countsOfCargoTest', () => {
  it('adds up all test binaries', () => {
    const output = [
      'test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s',
      'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s',
    ].join('\n');
    expect(countsOfCargoTest(output)).toEqual({ passed: 15, failed: 2, skipped: 1 });
  });

  it('finds nothing in the output of a build that failed', () => {
    expect(countsOfCargoTest('error: could not compile')).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});

describe('countsOfFaults', () => {
  it('counts survived points as passed', () => {
    expect(countsOfFaults('{"points":7,"survived":6,"failures":["x"]}')).toEqual({ passed: 6, failed: 1, skipped: 0 });
  });

  it.each(['', 'Error: no', '{"points":"7"}'])('rejects %j, which is not the result line', (line) => {
    expect(countsOfFaults(line)).toBeUndefined();
  });
});
