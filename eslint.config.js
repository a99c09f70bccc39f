/**
 * The linter's rules: strict types everywhere, and the directions that imports may go (ARCHITECTURE.md, "Layout").
 * Layout of code is Biome's business, not ESLint's. Biome also looks for cycles of imports of types, which `import-x/no-cycle` does not see.
 */
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { importX } from 'eslint-plugin-import-x'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

const SRC = './packages/dtlto/src'

/**
 * Who may import whom inside packages/dtlto/src. Every part may import from itself; `errors.ts`, the small files beside it and the
 * distributors' interface (pure types) are open to all. What is not listed may not be imported.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const MAY_IMPORT = {
  scheduler: [],
  slots: [],
  distributors: ['config', 'slots'],
  config: ['distributors/locate.ts'],
  link: ['scheduler', 'distributors', 'config', 'slots'],
  plan: ['scheduler', 'report'],
  report: ['link/events.ts', 'link/tally.ts', 'scheduler/events.ts'],
  'llvm-dtlto': ['link', 'scheduler', 'distributors', 'config', 'report', 'cli/own-options.ts', 'cli/reporters.ts'],
  cli: ['config', 'link', 'report', 'distributors', 'slots', 'llvm-dtlto', 'plan', 'plugin.ts'],
}

const OPEN_TO_ALL = [
  './errors.ts',
  './make-directory.ts',
  './message-of.ts',
  './printable.ts',
  './why-not-file.ts',
  './write-all.ts',
  './distributors/interface.ts',
]

const internalZones = Object.entries(MAY_IMPORT).map(([part, allowed]) => ({
  target: `${SRC}/${part}`,
  from: SRC,
  except: [...OPEN_TO_ALL, ...[part, ...allowed].map((name) => `./${name}`)],
  message: `src/${part} may import only ${[part, ...allowed].join(', ')}, errors and the distributors' interface.`,
}))

/** Packages that see dtlto only as the authors of distributors do. */
const PLUGIN_PACKAGES = ['packages/distributor-*/**/*.ts', 'packages/testkit/**/*.ts']

/** @param {string} message */
const only = (message) => ({ message })

export default defineConfig(
  { ignores: ['**/dist/**', '**/build/**', '**/node_modules/**', '**/generated/**'] },
  {
    files: ['**/*.ts', '**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.tools.json', './packages/*/tsconfig.json', './packages/dtlto/page/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ noWarnOnMultipleProjects: true })],
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        ...['exit', 'stdout', 'stderr'].map((property) => ({
          object: 'process',
          property,
          ...only('Only src/cli ends the process or writes to the terminal.'),
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          // Node 20.20: a listener on `any` does not keep the signal of `timeout` alive. With --expose-gc and gc() meanwhile, none of 50 such signals is aborted.
          selector:
            "CallExpression[callee.object.name='AbortSignal'][callee.property.name='any'] CallExpression[callee.object.name='AbortSignal'][callee.property.name='timeout']",
          ...only('It is never aborted once garbage has been collected: abort a controller by a timer.'),
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Numbers and booleans in messages read well; objects would not.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `return f()` for a function without a result is an idiom here.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Knows nothing of what callbacks and awaited code change meanwhile, and we have much of both.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      'import-x/no-cycle': 'error',
      'import-x/no-self-import': 'error',
      'import-x/no-useless-path-segments': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            ...internalZones,
            { target: './packages', from: ['./scripts', './bench', './test'] },
            { target: './packages/native', from: './packages/dtlto' },
          ],
        },
      ],
    },
  },
  {
    // The scheduler is pure: clock, timers, files, processes and the network are passed in.
    files: ['packages/dtlto/src/scheduler/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: '^node:', ...only('The scheduler is pure.') }] }],
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'performance', 'fetch', 'process'].map((name) => ({
          name,
          ...only('The scheduler is pure: have it passed in.'),
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', ...only('The scheduler is pure: have the clock passed in.') },
        { object: 'Math', property: 'random', ...only('The scheduler is pure: have it passed in.') },
      ],
    },
  },
  {
    files: ['packages/dtlto/src/**/*.ts'],
    // worker/ starts dtlto-codegen, which is installed beside the addon; distributors ask for its path, for LZO1X and libLLVM's zstd.
    ignores: [
      'packages/dtlto/src/link/**',
      'packages/dtlto/src/cli/**',
      'packages/dtlto/src/llvm-dtlto/**',
      'packages/dtlto/src/distributors/worker/**',
      'packages/dtlto/src/distributors/codegen/clang-directory.ts',
      'packages/dtlto/src/distributors/codegen/program.ts',
      'packages/dtlto/src/distributors/c-plugin/**',
      'packages/dtlto/src/distributors/lzo1x.ts',
      'packages/dtlto/src/distributors/zstd.ts',
      '**/*.test.ts',
    ],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: '@dtlto/native',
              ...only('Only src/link talks to lld, and src/cli composes the program.'),
              allowTypeImports: true,
            },
          ],
        },
      ],
    },
  },
  {
    files: PLUGIN_PACKAGES,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^dtlto(/(?!plugin$).*)?$',
              ...only('A distributor sees dtlto/plugin and nothing else of dtlto.'),
            },
            { regex: '^@dtlto/native', ...only('A distributor sees dtlto/plugin and nothing else of dtlto.') },
            { regex: '/(dtlto|native)/(src|dist)/', ...only('Import a package by its name.') },
          ],
        },
      ],
    },
  },
  {
    // Programs, not libraries: they end processes and write to terminals.
    files: ['packages/dtlto/src/cli/**', 'scripts/**', 'bench/**', 'examples/**', '*.js'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' },
  },
  {
    files: ['test/**', '**/*.test.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-properties': 'off',
      // node:test's functions return promises that the runner itself awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
)
