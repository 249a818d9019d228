// Reads counts out of what the test programs report.

const sum = (texts) => texts.reduce((total, text) => total + Number(text), 0);

/** From vitest's JSON report. A file that fails without a failed test (it did not load, a hook threw) counts as one failure. */
export function countsOfVitest(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}

/** What vitest's JSON report says of each failure: where, which test, and the first line of why. */
export function failuresOfVitest(report) {
  return report.testResults
    .filter((file) => file.status === 'failed')
    .flatMap((file) => {
      const tests = file.assertionResults.filter((test) => test.status === 'failed');
      if (tests.length === 0) return [`${file.name}: ${firstLine(file.message)}`];
      return tests.map((test) => `${file.name} > ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`);
    });
}

const firstLine = (text) => (text ?? '').trim().split('\n', 1)[0];

/** From cargo's output: one `test result:` line for each test binary. */
export function countsOfCargoTest(output) {
  const lines = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)];
  return {
    passed: sum(lines.map((l) => l[1])),
    failed: sum(lines.map((l) => l[2])),
    skipped: sum(lines.map((l) => l[3])),
  };
}

/** From the last line of `npm run faults -- --json`, or undefined when it is not that line. */
export function countsOfFaults(lastLine) {
  try {
    const { points, survived } = JSON.parse(lastLine);
    if (!Number.isInteger(points) || !Number.isInteger(survived)) return undefined;
    return { passed: survived, failed: points - survived, skipped: 0 };
  } catch {
    return undefined;
  }
}
