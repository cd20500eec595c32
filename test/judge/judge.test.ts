import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCENARIO_DOCS, withFieldTables } from '../scenarios/docs.ts';
import { fieldTables } from '../scenarios/field-table.ts';
import { parseScenarios, readScenarios } from '../scenarios/load.ts';
import { judge } from './judge.ts';

const FOLDER = join(import.meta.dirname, '..', 'scenarios');
const files = await readScenarios([FOLDER]);

describe('the packs', () => {
  test('hold enough of every sort, and each file is named for its scenario', () => {
    const count = (pack: string) => files.filter(({ scenario }) => scenario.pack === pack).length;
    expect(count('port')).toBeGreaterThanOrEqual(50);
    expect(count('trap')).toBeGreaterThanOrEqual(10);
    expect(count('no-op')).toBeGreaterThanOrEqual(8);
    expect(count('post-mortem')).toBeGreaterThanOrEqual(20);
    expect(count('tenant')).toBeGreaterThanOrEqual(18);
    expect(count('storm')).toBeGreaterThanOrEqual(6);
    expect(count('sight')).toBeGreaterThanOrEqual(16);
    for (const { file, scenario } of files) expect(basename(file)).toBe(`${scenario.scenario}.yaml`);
  });

  test('ask for something: a scenario in which something may be done has an oracle and limits of harm', () => {
    for (const { scenario } of files) {
      if (scenario.expect.nothing) expect(scenario.expect.repairs).toEqual([]);
      else expect(scenario.expect.harm.tenantMinutes).toBeGreaterThan(0);
    }
  });
});

const GOOD = `scenario: small
pack: mine
title: a small one
fleet:
  workloads:
    api: { instances: { eu: 2 }, route: / }
  tenants:
    shop: { regions: [eu] }
  settings:
    api/POOL: { value: 8, workloads: [api] }
events:
  - { at: 1m, set: { setting: api/POOL, value: 1 } }
expect: {}
`;

function faultOf(text: string): string {
  try {
    parseScenarios([{ file: 'mine.yaml', text }]);
    return 'accepted';
  } catch (error) {
    return (error as Error).message.split('\n')[1] ?? '';
  }
}

describe('the loader', () => {
  test('accepts a small scenario and fills in the rest', () => {
    const [{ scenario } = expect.fail()] = parseScenarios([{ file: 'mine.yaml', text: GOOD }]);
    expect(scenario.runs).toBe(900_000);
    expect(scenario.fleet.settings['api/POOL']?.value).toBe('8');
  });

  test.each([
    [
      'an unknown key',
      ['shop: { regions: [eu] }', 'shop: { regions: [eu], perSec: 3 }'],
      'mine.yaml:8:28: fleet.tenants.shop.perSec: unknown key; did you mean `perSecond`?',
    ],
    ['a duration without its unit', ['at: 1m', 'at: 60'], 'mine.yaml:12:11: events[0].at: must be a text (got 60)'],
    [
      'a duration of another unit',
      ['at: 1m', 'at: 1min'],
      'mine.yaml:12:11: events[0].at: must be a duration like 250ms, 90s, 5m, 2h or 30d, without a sign (got "1min")',
    ],
    [
      'a negative duration',
      ['at: 1m', 'at: -1m'],
      'mine.yaml:12:11: events[0].at: must be a duration like 250ms, 90s, 5m, 2h or 30d, without a sign (got "-1m")',
    ],
    [
      'a run without end',
      ['title: a small one', 'title: a small one\nruns: 90d'],
      'mine.yaml:4:7: runs: must be more than 0s and 24h at most',
    ],
    [
      'an age beyond all measure',
      ['value: 8', 'age: 999999999999d, value: 8'],
      'mine.yaml:10:22: fleet.settings["api/POOL"].age: must be 3650d at most',
    ],
    [
      'what comes so often that time stands still',
      ['events:', '  actors:\n    job: { resumes: [{ actor: job, every: 0s }] }\nevents:'],
      'mine.yaml:12:43: fleet.actors.job.resumes[0].every: must be 100ms at least',
    ],
    [
      'more instances than anybody simulates',
      ['eu: 2', 'eu: 2000000'],
      'mine.yaml:6:29: fleet.workloads.api.instances.eu: must be at most 1000 (got 2000000)',
    ],
    [
      'more requests than anybody plays',
      ['regions: [eu] }', 'regions: [eu], perSecond: 1e12 }'],
      'mine.yaml:8:39: fleet.tenants.shop.perSecond: must be at most 10000 (got 1000000000000)',
    ],
    [
      'a setting that is not there',
      ['setting: api/POOL', 'setting: api/POL'],
      'mine.yaml:12:31: events[0].set.setting: "api/POL" is no setting of fleet.settings; did you mean `api/POOL`?',
    ],
    [
      'a region that is not there',
      ['{ eu: 2 }', '{ eu: 2, us: 1 }'],
      'mine.yaml:6:32: fleet.workloads.api.instances.us: "us" is no region of fleet.regions; known: eu',
    ],
    [
      'a workload without a route',
      ['shop: { regions: [eu] }', 'shop: { regions: [eu], uses: [apo] }'],
      'mine.yaml:8:35: fleet.tenants.shop.uses[0]: "apo" is no workload with a route; did you mean `api`?',
    ],
    [
      'an event that says nothing',
      ['set: { setting: api/POOL, value: 1 } }', '}'],
      'mine.yaml:12:5: events[0]: says 0 things; an event says one: split it or fill it in',
    ],
    ['an event after the end', ['at: 1m', 'at: 1h'], 'mine.yaml:12:11: events[0].at: is after the end; raise `runs`'],
    [
      'a guard that is not there',
      ['expect: {}', 'expect: { guard: [panik] }'],
      'mine.yaml:13:19: expect.guard[0]: "panik" is no guard; did you mean `panic`?',
    ],
    [
      'a question without an answer',
      ['events:', 'effects: [{ when: { setting: api/POOL }, workload: api, errors: 1 }]\nevents:'],
      'mine.yaml:11:19: effects[0].when: needs one of is, isNot, above, below beside setting',
    ],
    [
      'an effect without a consequence',
      ['events:', 'effects: [{ workload: api }]\nevents:'],
      'mine.yaml:11:11: effects[0]: has no consequence; give one of errors, latency, capacityTimes, crash, hang, notReady, noStart, leak, leaks, condition',
    ],
    [
      'a subject that nothing is called',
      ['expect: {}', 'expect: { forbidden: [{ move: restart, subject: apo }] }'],
      'mine.yaml:13:49: expect.forbidden[0].subject: "apo" is no part of any name; did you mean `api`?',
    ],
    [
      'two scenarios in one file',
      ['expect: {}\n', 'expect: {}\n---\nscenario: two\n'],
      'mine.yaml:15:1: is a second scenario; a file holds one, so split it',
    ],
  ])('tells %s with its line, its column and a remedy', (_, [from, to], message) => {
    expect(GOOD).toContain(from);
    expect(faultOf(GOOD.replace(from!, to!))).toBe(message);
  });
});

describe('docs/scenarios.md', () => {
  const page = readFileSync(SCENARIO_DOCS, 'utf8');

  test('has the fields that the schema has', () => {
    expect(page === withFieldTables(page) || 'run `npm run judge -- --write-docs`').toBe(true);
  });

  test('says of every field what it means', () => {
    const groups = fieldTables()
      .split('#### ')
      .filter((group) => !group.startsWith('policy.playbooks'));
    const silent = groups.flatMap((group) => group.split('\n').filter((line) => /^\| `.*\|\s+\|$/.test(line)));
    expect(silent).toEqual([]);
  });

  test('shows examples that load', () => {
    const examples = [...page.matchAll(/```yaml\n(scenario: [\s\S]*?)```/g)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThanOrEqual(4);
    for (const text of examples) expect(faultOf(text)).toBe('accepted');
  });
});

describe('a sample of the packs, from end to end', () => {
  const options = { seed: 7, healer: 'kintsugi', baseline: false } as const;
  const fileOf = (pack: string, id: string) =>
    files.find(({ scenario }) => scenario.pack === pack && scenario.scenario === id) ??
    expect.fail(`there is no ${id}`);

  test.each([
    ['port', 'instance-killed'],
    ['port', 'wrong-backend-port'],
    ['port', 'table-lock'],
    ['port', 'gc-regression-release'],
    ['trap', 'clock-drift-looks-like-expiry'],
    ['trap', 'primary-recovers-by-itself'],
    ['no-op', 'deployment-in-progress'],
    ['sight', 'undeclared-dependency-fails'],
    ['sight', 'slow-instance-two-hops-away'],
  ])('%s/%s is resolved, without harm that is not allowed', async (pack, id) => {
    expect((await judge(fileOf(pack, id), options)).score).toMatchObject({
      resolved: true,
      reasons: [],
      falseHeals: 0,
    });
  });

  test('a world is the same for the same seed', async () => {
    const file = fileOf('port', 'slow-instance');
    expect(await judge(file, options)).toEqual(await judge(file, options));
  });

  test('nobody heals it, or whatever looks unhealthy is restarted: both are told', async () => {
    const file = fileOf('port', 'flag-wakes-dormant-bug');
    expect((await judge(file, { ...options, healer: 'none' })).score.reasons).toContain('it was not noticed');
    const baseline = (await judge(file, { ...options, healer: 'baseline' })).score;
    expect(baseline.resolved).toBe(false);
  });
});
