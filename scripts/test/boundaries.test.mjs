// Every boundary is proven to bite: a run that resolves nothing, or excludes too much, finds no violation and passes.
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inRoot, pinnedNode, root } from '../bootstrap/paths.mjs';
import { runCommand } from '../bootstrap/run-command.mjs';

const CASES = [
  ['core', "import 'node:fs';", 'core-imports-nothing'],
  ['core', "import type { X } from '@hotswap/protocol'; export type Y = X;", 'core-imports-nothing'],
  ['protocol', "import '../../storage-fs/src/index.ts';", 'protocol-only-core'],
  ['strategies/canary', "import 'node:fs';", 'plugins-only-core'],
  ['strategies/canary', "import '../../rolling/src/index.ts';", 'plugins-only-core'],
  ['storage-fs', "import '../../state-postgres/src/index.ts';", 'adapters-only-core'],
  ['testing', "import 'vitest';", 'testing-without-runner'],
  ['gateway', "import '@hotswap/server';", 'gateway-only-protocol'],
  ['cli', "import '@hotswap/server';", 'cli-only-protocol'],
  ['server', "import '@hotswap/storage-fs';", 'only-compose-names-adapters'],
  ['server', "import '@hotswap/strategy-canary';", 'only-compose-names-adapters'],
  ['server', "import 'tsyringe';", 'only-compose-names-adapters'],
  ['server', "import '../../core/src/effects/effect.ts';", 'no-deep-imports'],
  ['server', "import '../../cli/src/index.ts';", 'nobody-imports-the-cli'],
  ['runtime-wasmtime', "import '../../server/src/index.ts';", 'no-programs-in-libraries'],
  ['server', "import '@hotswap/no-such-package';", 'not-to-unresolvable'],
];

const probeOf = (index) => `packages/${CASES[index][0]}/src/boundary-probe-${process.pid}-${index}.ts`;
let violations = [];

function removeProbes() {
  for (const index of CASES.keys()) rmSync(inRoot(probeOf(index)), { force: true });
}

beforeAll(async () => {
  for (const [index, [, code]] of CASES.entries()) writeFileSync(inRoot(probeOf(index)), `${code}\n`);
  const cli = inRoot('node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
  const args = [...CASES.keys()].map(probeOf);
  const run = await runCommand(
    pinnedNode,
    [cli, ...args, '--config', '.dependency-cruiser.cjs', '--output-type', 'json'],
    { cwd: root },
  );
  removeProbes();
  violations = JSON.parse(run.stdout).summary.violations;
}, 60_000);

afterAll(removeProbes);

describe('module boundaries', () => {
  it.each(CASES.map((entry, index) => [...entry, index]))('refuses in %s: %s', (_folder, _code, rule, index) => {
    const broken = violations
      .filter((violation) => violation.from === probeOf(index))
      .map((violation) => violation.rule.name);
    expect(broken).toContain(rule);
  });
});
