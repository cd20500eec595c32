import { describe, expect, test } from 'vitest';
import { isInProject, projectFiles, readProjectFile } from './tidy/checkout.ts';
import {
  bannedComplaints,
  leftoverComplaints,
  lockComplaints,
  longFileComplaints,
  longFunctionComplaints,
  machinePathComplaints,
  nameComplaints,
  versionComplaints,
} from './tidy/habits.ts';
import {
  cycleComplaints,
  implementationComplaints,
  isTest,
  layerComplaints,
  unregisteredComplaints,
} from './tidy/layers.ts';
import { purityComplaints } from './tidy/purity.ts';
import { readSource, type Source } from './tidy/source.ts';

/** A check that sees nothing passes always; below this number something is wrong with the check. */
const SOURCES_MIN = 30;

/** STYLE.md aims at 40. This is the longest that there is: lower it when that one gets shorter, never raise it. */
const FUNCTION_LINES_MAX = 50;

const FILE_LINES_MAX = 500;

const files = projectFiles();
const code = files.filter((path) => path.endsWith('.ts'));
const sources = code.filter((path) => path.startsWith('src/')).map((path) => readSource(path, readProjectFile(path)));
const product = sources.filter(({ path }) => !isTest(path));
const texts = files.filter((path) => /\.(?:ts|js|json|md|ya?ml|sql|sh)$|^[^.]+$|^\.ci\//.test(path));

test('the checks see the sources', () => {
  expect(product.length).toBeGreaterThanOrEqual(SOURCES_MIN);
  expect(texts).toContain('package.json');
});

describe('layers', () => {
  test('a folder imports only from itself and the folders before it', () => {
    expect(sources.flatMap(layerComplaints)).toEqual([]);
  });

  test('implementations are named by the table of what is built in alone', () => {
    expect(sources.flatMap(implementationComplaints)).toEqual([]);
    expect(unregisteredComplaints(product)).toEqual([]);
  });

  test('stages that judge are pure', () => {
    expect(product.some(({ path }) => path.startsWith('src/detect/'))).toBe(true);
    expect(purityComplaints(product)).toEqual([]);
  });

  test('no modules load each other in a circle', () => {
    expect(cycleComplaints(sources)).toEqual([]);
  });
});

describe('habits', () => {
  test('time and chance come from base', () => {
    expect(sources.flatMap(bannedComplaints)).toEqual([]);
  });

  test('files are kebab-case and named for what they hold', () => {
    expect(files.filter((path) => /^(?:src|test|bench|examples)\//.test(path)).flatMap(nameComplaints)).toEqual([]);
  });

  test('functions are no longer than the ratchet', () => {
    expect(product.flatMap((source) => longFunctionComplaints(source, FUNCTION_LINES_MAX))).toEqual([]);
  });

  test('files are short', () => {
    expect(code.flatMap((path) => longFileComplaints(path, readProjectFile(path), FILE_LINES_MAX))).toEqual([]);
  });

  test('no work is left behind in comments', () => {
    const searched = texts.filter((path) => !path.endsWith('.md'));
    expect(searched.flatMap((path) => leftoverComplaints(path, readProjectFile(path)))).toEqual([]);
  });

  test('no file names a path of the machine that it was written on', () => {
    expect(texts.flatMap((path) => machinePathComplaints(path, readProjectFile(path)))).toEqual([]);
  });

  test('dependencies are pinned and come from any registry', () => {
    expect(isInProject('package-lock.json')).toBe(true);
    expect(lockComplaints(readProjectFile('package-lock.json'))).toEqual([]);
    expect(versionComplaints(JSON.parse(readProjectFile('package.json')))).toEqual([]);
  });
});

/** Each rule is shown what it exists to catch, and something near to it that is right. */
describe('the checks themselves', () => {
  test('see every form of import', () => {
    const forms = `
      import a from './a.ts';
      import type { B } from './b.ts';
      import { type C } from './c.ts';
      import './d.ts';
      export { e } from './e.ts';
      export type * from './f.ts';
      const g = await import('./g.ts');
      let h: import('../base/h.ts').H;
      import { readFile } from 'node:fs/promises';
      // import nothing from './comment.ts'
      const text = "import { x } from './text.ts'";`;
    const { imports } = readSource('src/heal/x.ts', forms);
    const kinds = imports.map(({ target, typeOnly, dynamic }) => [
      target,
      typeOnly ? 'type' : dynamic ? 'dynamic' : 'load',
    ]);
    expect(kinds).toEqual([
      ['src/heal/a.ts', 'load'],
      ['src/heal/b.ts', 'type'],
      ['src/heal/c.ts', 'load'],
      ['src/heal/d.ts', 'load'],
      ['src/heal/e.ts', 'load'],
      ['src/heal/f.ts', 'type'],
      ['src/heal/g.ts', 'dynamic'],
      ['src/base/h.ts', 'type'],
      ['node:fs/promises', 'load'],
    ]);
  });

  test('refuse an import of a later layer, of a type too', () => {
    expect(layers('src/comply/a.ts', "import { decide } from '../heal/decide.ts'")).toHaveLength(1);
    expect(layers('src/comply/a.ts', "import type { Plan } from '../heal/plan.ts'")).toHaveLength(1);
    expect(layers('src/comply/a.ts', "const x = await import('../heal/plan.ts')")).toHaveLength(1);
    expect(layers('src/heal/a.ts', "import { gate } from '../comply/gate.ts'; import { b } from './b.ts'")).toEqual([]);
  });

  test('let the gateway see only the floor, the resources and the ledger', () => {
    expect(layers('src/gateway/a.ts', "import { x } from '../store/x.ts'")).toHaveLength(1);
    expect(layers('src/gateway/a.ts', "import { x } from '../ledger/x.ts'; import { z } from 'zod'")).toEqual([]);
  });

  test('refuse what is in no layer, and imports of the root and of what is no product code', () => {
    expect(layers('src/extras/a.ts', '')).toHaveLength(1);
    expect(layers('src/wiring.ts', '')).toHaveLength(1);
    expect(layers('src/cli/a.ts', "import { x } from '../main.ts'")).toHaveLength(1);
    expect(layers('src/cli/a.ts', "import { x } from '../../test/world.ts'")).toHaveLength(1);
    expect(layers('src/cli/a.test.ts', "import { x } from '../../test/world.ts'")).toEqual([]);
    expect(layers('src/main.ts', "import { x } from './cli/x.ts'")).toEqual([]);
  });

  test('refuse an implementation that is named outside of the table, or is missing in it', () => {
    const naming = "import { processDriver } from '../drivers/process/driver.ts'";
    expect(implementationComplaints(readSource('src/api/a.ts', naming))).toHaveLength(1);
    expect(implementationComplaints(readSource('src/api/a.ts', naming.replace('import', 'import type')))).toEqual([]);
    const driver = readSource('src/drivers/process/driver.ts', "import { x } from './x.ts'");
    expect(implementationComplaints(driver)).toEqual([]);
    const table = readSource('src/builtin.ts', naming.replace('..', '.'));
    expect(unregisteredComplaints([driver, table])).toEqual([]);
    expect(unregisteredComplaints([driver, readSource('src/builtin.ts', '')])).toHaveLength(1);
  });

  test('refuse the world in a pure stage, near or far', () => {
    expect(impurities("import { readFileSync } from 'node:fs'")).toHaveLength(1);
    expect(impurities("import { z } from 'zod'")).toHaveLength(1);
    expect(impurities("import { logged } from '../base/logged.ts'")).toHaveLength(1);
    expect(impurities("import type { Clock } from '../base/clock.ts'")).toHaveLength(1);
    expect(impurities('export const where = process.env')).not.toEqual([]);
    expect(impurities("import type { Logged } from '../base/logged.ts'")).toEqual([]);
    expect(impurities("import { assert } from '../base/assert.ts'")).toEqual([]);
  });

  test('refuse a circle of modules and allow one of types', () => {
    const a = readSource('src/heal/a.ts', "import { b } from './b.ts'");
    const b = (word: string) => readSource('src/heal/b.ts', `${word} { a } from './a.ts'`);
    expect(cycleComplaints([a, b('import')])).toEqual(['src/heal/a.ts -> src/heal/b.ts -> src/heal/a.ts']);
    expect(cycleComplaints([a, b('export')])).toHaveLength(1);
    expect(cycleComplaints([a, b('import type')])).toEqual([]);
  });

  test('refuse time and chance from outside of base', () => {
    expect(banned('const at = Date.now()')).toHaveLength(1);
    expect(banned('const at = new Date()')).toHaveLength(1);
    expect(banned('setTimeout(run, 1); setInterval(run, 1); setImmediate(run)')).toHaveLength(3);
    expect(banned('globalThis.setTimeout(run, 1)')).toHaveLength(1);
    expect(banned('const dice = Math.random; const signal = AbortSignal.timeout(1); performance.now()')).toHaveLength(
      3,
    );
    expect(banned("import { setTimeout } from 'node:timers/promises'")).toHaveLength(1);
    expect(banned("const fine = { Date: 1 }; fine.Date; 'Date'; Math.max(1); type T = Date; // new Date()")).toEqual(
      [],
    );
    expect(bannedComplaints(readSource('src/base/clock.ts', 'Date.now()'))).toEqual([]);
  });

  test('refuse names that are not kebab-case or say nothing', () => {
    expect(nameComplaints('src/heal/RepairPlan.ts')).toHaveLength(1);
    expect(nameComplaints('src/heal/repair_plan.ts')).toHaveLength(1);
    expect(nameComplaints('src/heal/plan-utils.ts')).toHaveLength(1);
    expect(nameComplaints('src/helpers/plan.ts')).toHaveLength(1);
    expect(nameComplaints('src/heal/repair-plan.Test.ts')).toHaveLength(1);
    expect(nameComplaints('src/heal/repair.plan.test.ts')).toHaveLength(1);
    expect(nameComplaints('src/heal/README.md')).toHaveLength(1);
    expect(nameComplaints('src/heal/repair-plan.test.ts')).toEqual([]);
    expect(nameComplaints('test/golden/manifests/unknown-keys.good.yaml')).toEqual([]);
    expect(nameComplaints('examples/clinic/README.md')).toEqual([]);
    expect(nameComplaints('bench/recovery/RESULTS.md')).toEqual([]);
  });

  test('refuse long files and long functions, and count an inner function once', () => {
    expect(longFileComplaints('a.ts', 'x\n'.repeat(FILE_LINES_MAX), FILE_LINES_MAX)).toHaveLength(1);
    expect(longFileComplaints('a.ts', 'x\n'.repeat(FILE_LINES_MAX - 1), FILE_LINES_MAX)).toEqual([]);
    const inner = `const inner = () => {\n${'f();\n'.repeat(8)}};`;
    expect(tooLong(`function outer() {\n${'f();\n'.repeat(9)}}`, 10)).toEqual([
      'src/heal/a.ts:1 outer has 11 lines of its own; the ratchet is 10',
    ]);
    expect(tooLong(`function outer() {\n${inner}\n${inner}\n}`, 10)).toEqual([]);
  });

  test('refuse work left behind and paths of one machine', () => {
    expect(leftoverComplaints('a.ts', ['// TO', 'DO later'].join(''))).toHaveLength(1);
    expect(leftoverComplaints('a.ts', ['f(); // FIX', 'ME'].join(''))).toHaveLength(1);
    expect(leftoverComplaints('a.ts', 'const TODOS = 1;')).toEqual([]);
    expect(machinePathComplaints('a.md', ['see /wo', 'rk/main/src'].join(''))).toHaveLength(1);
    expect(machinePathComplaints('a.md', ['see /tmp/bash_', 'jobs.0'].join(''))).toHaveLength(1);
    expect(machinePathComplaints('a.md', 'see src/network/work/main.ts')).toEqual([]);
  });

  test('refuse a lock file with a host and a version that is a range', () => {
    expect(lockComplaints(JSON.stringify({ resolved: 'https://registry.example/a.tgz' }, null, 1))).toHaveLength(1);
    expect(lockComplaints('"funding": { "url": "https://example.org" }')).toEqual([]);
    expect(versionComplaints({ dependencies: { a: '^1.2.3', b: '1.x', c: 'latest', d: '1.2.3' } })).toHaveLength(3);
    expect(versionComplaints({ optionalDependencies: { a: '18.4.0-beta.17' } })).toEqual([]);
  });
});

function layers(path: string, text: string): string[] {
  return layerComplaints(readSource(path, text));
}

function impurities(text: string): string[] {
  const floor: Source[] = [
    readSource('src/base/assert.ts', ''),
    readSource('src/base/logged.ts', "import { pino } from 'pino'"),
    readSource('src/base/clock.ts', ''),
  ];
  return purityComplaints([...floor, readSource('src/detect/a.ts', text)]);
}

function banned(text: string): string[] {
  return bannedComplaints(readSource('src/heal/a.ts', text));
}

function tooLong(text: string, linesMax: number): string[] {
  return longFunctionComplaints(readSource('src/heal/a.ts', text), linesMax);
}
