import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import strategyRules from './scripts/eslint-rules/strategy-rules.mjs';

const sources = ['packages/*/src/**/*.ts', 'packages/{strategies,selectors}/*/src/**/*.ts'];
const tests = [
  'packages/*/test/**/*.ts',
  'packages/{strategies,selectors}/*/test/**/*.ts',
  'examples/*/test/**/*.ts',
  'scripts/**/*.ts',
];
const nodeGlobals = [
  'process',
  'console',
  'Buffer',
  'URL',
  'URLSearchParams',
  'AbortController',
  'AbortSignal',
  'TextDecoder',
  'TextEncoder',
  'WebAssembly',
  'fetch',
  'performance',
  'structuredClone',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'queueMicrotask',
];

/** Constructs that no source file may hold. Later blocks replace the whole list, so they spread this one. */
const forbiddenSyntax = [
  {
    selector: "NewExpression[callee.name='Error']",
    message:
      "Throw an error with a code: hotSwapError('HS_AREA_CONDITION', { ... }), declared in the package's src/error-codes.ts.",
  },
  { selector: 'ExportDefaultDeclaration', message: 'Export by name: a default export has no name to search for.' },
  { selector: 'ExportAllDeclaration', message: 'Re-export by name, so that the public API is visible in index.ts.' },
];

const sizeLimits = {
  'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
};

/** What differs from run to run: a strategy is replayed from its journal, and core is what replays it. */
const pureGlobals = {
  'no-restricted-globals': [
    'error',
    ...[
      'Date',
      'performance',
      'process',
      'crypto',
      'fetch',
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'console',
      'globalThis',
    ].map((name) => ({
      name,
      message:
        'Strategies and core have no clock, randomness or I/O: yield an effect, or take a contract (Clock) as an argument.',
    })),
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Math', property: 'random', message: 'A replay must decide the same as the first run.' },
  ],
};

const strategyPurity = {
  ...pureGlobals,
  'no-restricted-imports': [
    'error',
    { patterns: [{ group: ['node:*'], message: 'A strategy imports core and zod only.' }] },
  ],
  'no-restricted-syntax': [
    'error',
    ...forbiddenSyntax,
    {
      selector: ':function[async=true]',
      message: 'A strategy is a synchronous generator: awaiting is the engine’s work.',
    },
  ],
};

export default defineConfig(
  globalIgnores([
    '**/dist/',
    '**/target/',
    '**/coverage/',
    '**/node_modules/',
    'bench/',
    'examples/modules/**',
    'packages/runtime-wasmtime/binding.*',
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      // An interface of asynchronous functions has implementations that need not wait for anything.
      '@typescript-eslint/require-await': 'off',
      'require-yield': 'off',
      // `'baseline' | string` documents a well-known value.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      eqeqeq: 'error',
    },
  },
  { files: [...sources, 'examples/*/src/**/*.ts'], rules: sizeLimits },
  { files: sources, rules: { 'no-restricted-syntax': ['error', ...forbiddenSyntax] } },
  {
    files: sources,
    ignores: ['packages/testing/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: ['assert', 'node:assert', 'node:assert/strict'], patterns: ['@hotswap/*/*'] },
      ],
    },
  },
  { files: ['packages/core/src/**/*.ts'], rules: pureGlobals },
  {
    files: ['packages/strategies/*/src/**/*.ts'],
    plugins: { hotswap: strategyRules },
    rules: {
      ...strategyPurity,
      'hotswap/no-catch-around-yield': 'error',
      'hotswap/no-yield-in-finally': 'error',
      'hotswap/steps-need-delegation': 'error',
    },
  },
  {
    files: tests,
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // Fakes are asynchronous or not, and break on purpose.
      '@typescript-eslint/await-thenable': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      'preserve-caught-error': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[object.name=/^(describe|it|test)$/][property.name=/^(skip|only|todo|fails)$/]',
          message: 'Every test runs, every time. What a machine cannot run is a condition with a named reason: skipIf.',
        },
      ],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, 'readonly'])) },
    rules: { ...sizeLimits, eqeqeq: 'error' },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable', require: 'readonly' } },
  },
);
