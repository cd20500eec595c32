import { beforeEach, expect, test } from 'vitest';
import { type Deviation, Posture } from '../comply/posture.ts';
import type { Fact } from '../observe/fact.ts';
import type { ViolationSample } from '../observe/sample.ts';
import { compileProfile, profileSchema } from '../resources/profile.ts';
import { ViolationWatch } from './violation-watch.ts';

const NOW = 1_000_000;
const FRAMEWORK = compileProfile(
  profileSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Profile',
    metadata: { name: 'law' },
    spec: {
      title: 'Law',
      controls: [
        {
          id: 'law-1',
          clause: '1',
          title: 'Apart',
          paraphrase: 'apart',
          level: 'addressable',
          checks: [
            { fact: 'rls.enabled', holds: 'value' },
            { fact: 'rls.views.bypassing', holds: 'value <= 0.0' },
            { fact: 'audit.canary.missing', holds: 'value <= 0.0' },
          ],
          remedies: [
            { move: 'reenable', what: 'force it again', facts: ['rls.enabled'] },
            { person: 'drop the view', facts: ['rls.views.bypassing'] },
          ],
        },
      ],
    },
  }),
);
const EXCEPTION: Deviation = {
  name: 'e',
  control: 'law-1',
  tenants: ['shop'],
  owner: 'anna',
  reason: 'r',
  compensatingControl: 'c',
  expiresAt: NOW + 1_000,
};

let told: ViolationSample[] = [];
let posture = new Posture();
let watch = new ViolationWatch(posture, () => undefined);

beforeEach(() => {
  told = [];
  posture = new Posture();
  watch = new ViolationWatch(posture, (sample) => void told.push(sample));
  declare();
});

function declare(deviations: readonly Deviation[] = []): void {
  const terms = { regions: ['eu'], processors: [], dataClasses: [], availability: 0.9 };
  const tenants = ['shop', 'clinic'].map((name) => {
    return { terms: { name, ...terms }, frameworks: ['law'], contract: {} };
  });
  posture.declare({ tenants, frameworks: [FRAMEWORK], deviations }, NOW);
  watch.forgetJudgements();
}

function fact(name: Fact['name'], value: boolean | number | undefined): Fact {
  const measured = value === undefined ? { kind: 'unknown' as const, reason: 'no' } : { kind: 'value' as const, value };
  const at = { measuredAt: NOW, collector: 'test', evidence: null };
  return { name, subject: 'postgresql/records/eu', tenants: ['shop', 'clinic'], measured, ...at };
}
const report = (...facts: readonly Fact[]) => watch.onReport('test', facts, NOW + 1, NOW);

test('a fact that violates a control is told with each measurement, with every tenant and its own remedies', () => {
  expect(report(fact('rls.enabled', false))).toBe(true);
  expect(report(fact('rls.enabled', false))).toBe(false);
  // The reading that it stands on is older than the report.
  expect(told.map((each) => each.at)).toEqual([NOW, NOW]);
  expect(told[1]).toMatchObject({
    reason: 'rls.enabled of store postgresql/records/eu is false',
    violated: [{ clause: '1', tenants: ['shop', 'clinic'], tenantsTotal: 2, moves: ['reenable'] }],
  });
  report(fact('rls.views.bypassing', 1));
  const view = told.find((each) => each.fact === 'rls.views.bypassing');
  expect(view?.violated).toMatchObject([{ moves: [], advice: ['drop the view'] }]);
});

test('what is good is told when it is news, and when a repair asks for it', () => {
  for (let i = 0; i < 5; i += 1) report(fact('rls.enabled', true));
  expect(told).toHaveLength(1);
  report(fact('rls.enabled', false));
  expect(report(fact('rls.enabled', true))).toBe(true);
  for (let i = 0; i < 5; i += 1) report(fact('rls.enabled', true));
  expect(told.slice(2).map(({ violated }) => violated)).toEqual([[], [], []]);
  watch.askFor('rls.enabled postgresql/records/eu');
  report(fact('rls.enabled', true));
  report(fact('rls.enabled', true));
  expect(told).toHaveLength(6);
  expect(watch.collectorsOf('rls.enabled postgresql/records/eu')).toEqual(['test']);
});

test('what could not be measured says nothing, and does not undo what was said', () => {
  report(fact('rls.enabled', undefined));
  expect(told).toEqual([]);
  report(fact('rls.enabled', false));
  expect(report(fact('rls.enabled', undefined))).toBe(false);
  expect(report(fact('rls.enabled', true))).toBe(true);
});

test('what can only be measured to be bad is over once somebody looked and did not find it again', () => {
  report(fact('audit.canary.missing', 1), fact('audit.canary.seconds', undefined));
  expect(told).toMatchObject([{ fact: 'audit.canary.missing', violated: [{ control: 'law-1' }] }]);
  // Nobody looked: it stands.
  expect(report(fact('audit.canary.missing', undefined), fact('audit.canary.seconds', undefined))).toBe(false);
  expect(told).toHaveLength(1);
  expect(report(fact('audit.canary.missing', undefined), fact('audit.canary.seconds', 2))).toBe(true);
  expect(told.filter(({ fact: name }) => name === 'audit.canary.missing').at(-1)).toMatchObject({ violated: [] });
});

test('nobody is told of whom a documented alternative covers; the others are', () => {
  declare([EXCEPTION]);
  report(fact('rls.enabled', false));
  expect(told[0]?.violated).toMatchObject([{ tenants: ['clinic'] }]);
  declare([{ ...EXCEPTION, tenants: [] }]);
  report(fact('rls.enabled', false));
  expect(told.at(-1)?.violated).toEqual([]);
});

test('a subject that is no more is told once', () => {
  report(fact('rls.enabled', false), fact('rls.views.bypassing', 0));
  report();
  expect(told.filter(({ gone }) => gone)).toMatchObject([{ fact: 'rls.enabled', subject: 'postgresql/records/eu' }]);
  report();
  expect(told.filter(({ gone }) => gone)).toHaveLength(1);
});

test('what people declared anew is judged anew, though nothing was measured to be another', () => {
  report(fact('rls.views.bypassing', 0));
  posture.declare({ tenants: [], frameworks: [], deviations: [] }, NOW);
  watch.forgetJudgements();
  expect(report(fact('rls.views.bypassing', 0))).toBe(false);
  declare();
  report(fact('rls.views.bypassing', 3));
  expect(told.at(-1)?.violated).toHaveLength(1);
});
