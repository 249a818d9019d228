// The module boundaries of ARCHITECTURE.md. Packages resolve to their sources by the `@hotswap/source` condition, so this
// needs no build; without it, or with --include-only, forbidden imports would not resolve and the run would pass.

/** Everything of a folder, by whichever way it is reached. */
const packages = (...names) => names.map((name) => `^packages/${name}/`);
const CORE = '^packages/core/';
const ADAPTERS = packages(
  'storage-[^/]+',
  'state-[^/]+',
  'coordination-[^/]+',
  'runtime-[^/]+',
  'router-[^/]+',
  'metrics-[^/]+',
);

/** `from` may import from itself, from npm, and from the packages in `allowed`; from no other package of this repository. */
const onlyFrom = (name, comment, from, own, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^(packages|examples|bench|scripts)/', pathNot: ['node_modules/', own, ...allowed] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'Two files that need each other are one thing, or lack a third.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      comment: 'An import that does not resolve hides whatever stands behind it.',
      from: {},
      // Guests import interfaces of their host, which no package has.
      to: { couldNotResolve: true, pathNot: '^wasi:' },
    },
    {
      name: 'core-imports-nothing',
      severity: 'error',
      comment: 'Core is pure: zod and itself, no node: modules, no other package.',
      from: { path: `${CORE}src/` },
      to: { pathNot: [`${CORE}src/`, 'node_modules/zod/'] },
    },
    onlyFrom(
      'protocol-only-core',
      'Protocol imports core and zod.',
      '^packages/protocol/src/',
      '^packages/protocol/src/',
      [`${CORE}src/index`],
    ),
    {
      name: 'plugins-only-core',
      severity: 'error',
      comment: 'A strategy or selector imports core, zod and its own files: no node: modules, no other plugin.',
      from: { path: '^packages/(strategies|selectors)/([^/]+)/src/' },
      to: { pathNot: ['^packages/$1/$2/src/', `${CORE}src/index`, 'node_modules/zod/'] },
    },
    {
      name: 'adapters-only-core',
      severity: 'error',
      comment:
        'A store, state, coordination, runtime or metrics adapter imports core and its driver, never another adapter or the server.',
      from: { path: '^packages/((?:storage|state|coordination|runtime|metrics)-[^/]+)/src/' },
      to: {
        path: '^(packages|examples|bench|scripts)/',
        // Adapters whose engine lives in a child process share what speaks to it.
        pathNot: ['node_modules/', '^packages/$1/', `${CORE}src/index`, '^packages/runtime-child/src/index'],
      },
    },
    {
      name: 'testing-without-runner',
      severity: 'error',
      comment: 'Suites take the runner’s `test` as an argument, so that any runner can run them.',
      from: { path: '^packages/testing/src/' },
      to: { pathNot: ['^packages/testing/src/', `${CORE}src/index`, '^(node:)?assert', '^(node:)?util$'] },
    },
    onlyFrom(
      'gateway-only-protocol',
      'The gateway can be embedded: core and protocol, no server, no stores.',
      '^packages/gateway/src/',
      '^packages/gateway/src/',
      [`${CORE}src/index`, '^packages/protocol/src/index'],
    ),
    {
      name: 'routers-only-gateway',
      comment: 'An adapter of a proxy follows routes as the gateway does: core, the gateway and its own files.',
      severity: 'error',
      from: { path: '^packages/(router-[^/]+)/src/' },
      to: {
        path: '^(packages|examples|bench|scripts)/',
        pathNot: ['node_modules/', '^packages/$1/', `${CORE}src/index`, '^packages/gateway/src/index'],
      },
    },
    onlyFrom(
      'simulator-only-engine',
      'The simulator is the engine in virtual time: core, its wire form, and the parts that tests use too.',
      '^packages/simulator/src/',
      '^packages/simulator/src/',
      [`${CORE}src/index`, '^packages/(protocol|testing)/src/index'],
    ),
    onlyFrom(
      'cli-only-protocol',
      'The command line speaks to servers through the protocol alone.',
      '^packages/cli/src/(?!compose\\.ts)',
      '^packages/cli/src/',
      [`${CORE}src/index`, '^packages/protocol/src/index'],
    ),
    onlyFrom(
      'cli-runs-on-a-runtime',
      'What runs modules, and simulates, on the machine of the command line is named in its compose.ts.',
      '^packages/cli/src/compose\\.ts$',
      '^packages/cli/src/',
      [
        `${CORE}src/index`,
        '^packages/(interfaces|protocol|runtime-wasmtime|simulator)/src/index',
        '^packages/(strategies|selectors)/[^/]+/src/index',
      ],
    ),
    {
      name: 'no-programs-in-libraries',
      severity: 'error',
      comment: 'Server and agent are programs: only what starts them imports them.',
      from: { pathNot: ['^packages/(server|edge-agent|local-cluster)/', '^(examples|bench|scripts)/'] },
      to: { path: packages('server', 'edge-agent', 'local-cluster') },
    },
    {
      name: 'nobody-imports-the-cli',
      severity: 'error',
      comment: 'The command line is for people.',
      from: { pathNot: ['^packages/cli/', '^(examples|scripts)/'] },
      to: { path: '^packages/cli/' },
    },
    {
      name: 'only-compose-names-adapters',
      severity: 'error',
      comment:
        'Which plugins run is decided in src/compose.ts and its parts (compose-*.ts) and nowhere else: adapters, strategies and the container are imported there only.',
      from: {
        path: '^packages/(server|edge-agent)/src/',
        pathNot: ['/src/compose\\.ts$', '/src/compose-[a-z]+\\.ts$'],
      },
      to: {
        path: [
          ...ADAPTERS,
          '^packages/strategies/',
          '^packages/selectors/',
          'node_modules/(tsyringe|reflect-metadata)/',
        ],
      },
    },
    {
      name: 'no-deep-imports',
      severity: 'error',
      comment: 'A package is imported by its name; what its index does not export is private.',
      from: { path: '^(packages/(?:strategies/|selectors/)?[^/]+|examples/[^/]+|bench|scripts)/' },
      to: {
        path: '^packages/(?:strategies/|selectors/)?[^/]+/',
        pathNot: [
          '^$1/',
          '^packages/(?:strategies/|selectors/)?[^/]+/src/(index|embedded|migrations/index|main)\\.ts$',
          '/package\\.json$',
        ],
      },
    },
    {
      name: 'tests-stay-outside',
      severity: 'error',
      comment: 'Sources do not import tests.',
      from: { path: '/src/' },
      to: { path: '/test/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules'] },
    exclude: { path: ['^(packages|examples)/.*/dist/', '\\.node$', '^packages/runtime-[^/]+/native/'] },
    // Type-only imports are dependencies too.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@hotswap/source', 'import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
    skipAnalysisNotInRules: false,
  },
};
