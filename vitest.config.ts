import { defineConfig } from 'vitest/config';

/** What tests start from the source compiles its files once, as `bin/kintsugi.js` does. */
const env = { NODE_COMPILE_CACHE: `${import.meta.dirname}/node_modules/.cache/kintsugi` };
const common = { env, testTimeout: 30_000, hookTimeout: 60_000 };
/** Suites that start whole stacks, or that need both cores for a while. */
const ALONE = [
  'test/e2e/**/*.test.ts',
  'test/{crash-matrix,judge,ledger-crash,sim}/**/*.test.ts',
  'examples/**/*.test.ts',
];

/** Folders whose tests leave nothing behind in their process: files of one worker share what they import. */
const PURE = [
  'src/{base,resources,detect,diagnose,comply,heal,evidence}/**/*.test.ts',
  'src/ledger/tlog/**/*.test.ts',
  'bench/**/*.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: { ...common, name: 'pure', include: PURE, isolate: false, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        test: {
          ...common,
          name: 'parts',
          include: ['{src,test,bench,anchor}/**/*.test.ts'],
          exclude: [...PURE, ...ALONE, '**/node_modules/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: ALONE,
          // A stack waits most of its time; more than two of them starve each other on two cores.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
