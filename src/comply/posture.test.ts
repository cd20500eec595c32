import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact, FactValue } from '../observe/fact.ts';
import { FACT_KINDS, type FactName } from '../resources/fact-kinds.ts';
import { compileProfile, profileSchema } from '../resources/profile.ts';
import { type Deviation, type Obliged, Posture } from './posture.ts';

const NOW = 1_000_000_000;
const HOUR = 3_600_000;

const parameter = { unit: 'hours', tighter: 'lower', status: 'in-force', source: 'test' };
const FRAMEWORK = compileProfile(
  profileSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Profile',
    metadata: { name: 'law' },
    spec: {
      title: 'Law',
      controls: [
        control('law-1', [['tls.protocol.lowest', 'value >= 1.2']]),
        control('law-2', [['backup.ageHours', 'value <= hoursMax']], { hoursMax: { ...parameter, value: 24 } }),
        control('law-3', [['residency.stores', 'value.all(each, each in tenant.regions)']]),
        control('law-4', [
          ['rls.enabled', 'value'],
          ['rls.views.bypassing', 'value <= 0.0'],
        ]),
        { ...control('law-5', []), decidedBy: 'the owner' },
        control('law-6', [['resilience.rtoMs', 'value <= tenant.rtoMs']]),
      ],
    },
  }),
);

function control(id: string, checks: readonly (readonly [string, string])[], parameters = {}) {
  const level = id === 'law-2' ? 'addressable' : 'required';
  const listed = checks.map(([fact, holds]) => ({ fact, holds }));
  return { id, clause: id, title: id, paraphrase: id, level, parameters, checks: listed };
}

function fact(name: FactName, value: FactValue | undefined, more: Partial<Fact> = {}): Fact {
  const measured =
    value === undefined ? { kind: 'unknown' as const, reason: 'no answer' } : { kind: 'value' as const, value };
  return {
    name,
    subject: 'one',
    tenants: 'all',
    measured,
    measuredAt: NOW,
    collector: 'test',
    evidence: null,
    ...more,
  };
}

function tenant(name: string, more: Partial<Obliged> = {}): Obliged {
  const terms = { name, regions: ['eu'], processors: [], dataClasses: [], availability: 0.999 };
  return { terms, frameworks: ['law'], contract: {}, ...more };
}

function postureOf(tenants = [tenant('shop'), tenant('clinic')], deviations: readonly Deviation[] = []): Posture {
  const posture = new Posture();
  posture.declare({ tenants, frameworks: [FRAMEWORK], deviations }, NOW);
  return posture;
}

const statusOf = (posture: Posture, id: string, at = NOW, name = 'shop') => posture.result(name, id, at)?.status;
const textsOf = (posture: Posture, id: string, at = NOW) =>
  posture.result('shop', id, at)?.reasons.map(({ text }) => text);

test('what was never measured is unknown, and says why', () => {
  const posture = postureOf();
  expect(posture.counts('shop', 'law', NOW)).toEqual({ satisfied: 0, notSatisfied: 0, unknown: 6, addressed: 0 });
  expect(textsOf(posture, 'law-1')).toEqual(['tls.protocol.lowest is not known: no collector has measured it']);
  posture.blind(['tls.protocol.lowest'], 'collector tls measured nothing: it took longer than 5 s');
  expect(textsOf(posture, 'law-1')?.[0]).toMatch(/it took longer than 5 s$/);
});

test('a value decides, and one bad subject among good and unknown ones is enough', () => {
  const posture = postureOf();
  expect(posture.take([fact('tls.protocol.lowest', 1.2)], NOW)).toMatchObject([
    { to: 'satisfied' },
    { to: 'satisfied' },
  ]);
  posture.take([fact('tls.protocol.lowest', undefined, { subject: 'two' })], NOW);
  expect(statusOf(posture, 'law-1')).toBe('unknown');
  posture.take([fact('tls.protocol.lowest', 1.0, { subject: 'three' })], NOW);
  expect(statusOf(posture, 'law-1')).toBe('not-satisfied');
  expect(textsOf(posture, 'law-1')).toEqual([
    'tls.protocol.lowest of listener one is 1.2 (TLS version, 0 for plain text); asked for: value >= 1.2',
    'tls.protocol.lowest of listener two is not known: no answer',
    'tls.protocol.lowest of listener three is 1 (TLS version, 0 for plain text); asked for: value >= 1.2',
  ]);
});

test('every check has to hold; one that is known to fail outweighs one that is not known', () => {
  const posture = postureOf();
  posture.take([fact('rls.enabled', true)], NOW);
  expect(statusOf(posture, 'law-4')).toBe('unknown');
  posture.take([fact('rls.views.bypassing', 0)], NOW);
  expect(statusOf(posture, 'law-4')).toBe('satisfied');
  posture.take([fact('rls.enabled', undefined, { measuredAt: NOW + 1 }), fact('rls.views.bypassing', 2)], NOW);
  expect(statusOf(posture, 'law-4')).toBe('not-satisfied');
});

test('a fact bears on its tenants and on nobody else', () => {
  const posture = postureOf([
    tenant('shop'),
    tenant('clinic', { terms: { ...tenant('clinic').terms, regions: ['us'] } }),
  ]);
  const turns = posture.take([fact('residency.stores', ['us'], { subject: 'shop', tenants: ['shop'] })], NOW);
  expect(turns).toMatchObject([
    { tenant: 'shop', framework: 'law', control: 'law-3', from: 'unknown', to: 'not-satisfied', at: NOW },
  ]);
  expect(statusOf(posture, 'law-3', NOW, 'clinic')).toBe('unknown');
});

test('what is too old counts no longer, and settling says so', () => {
  const posture = postureOf();
  posture.take([fact('rls.enabled', true), fact('rls.views.bypassing', 0), fact('backup.ageHours', 1)], NOW);
  const fresh = FACT_KINDS['rls.enabled'].freshMs;
  expect(posture.settle(NOW + fresh - 1)).toEqual([]);
  expect(posture.settle(NOW + fresh).map(({ control, to }) => [control, to])).toEqual([
    ['law-4', 'unknown'],
    ['law-4', 'unknown'],
  ]);
  expect(statusOf(posture, 'law-2', NOW + fresh)).toBe('satisfied');
  expect(textsOf(posture, 'law-4', NOW + fresh)?.[0]).toBe('rls.enabled of store one was true and is too old to count');
  posture.take([fact('rls.enabled', true, { measuredAt: NOW + fresh })], NOW + fresh);
  expect(statusOf(posture, 'law-4', NOW + fresh)).toBe('satisfied');
  expect(posture.settle(NOW + 2 * fresh)).toHaveLength(2);
});

test.each([
  ['a number that is none', Number.NaN],
  ['a text', '1.3'],
  ['a truth', true],
  ['a list', ['1.3']],
])('%s where a number is promised is unknown', (_, value) => {
  const posture = postureOf();
  posture.take([fact('tls.protocol.lowest', value)], NOW);
  expect(statusOf(posture, 'law-1')).toBe('unknown');
});

test('an expression that fails is unknown, never a pass', () => {
  const posture = postureOf();
  posture.take([fact('resilience.rtoMs', 1)], NOW);
  expect(statusOf(posture, 'law-6')).toBe('unknown');
  expect(textsOf(posture, 'law-6')?.[0]).toContain('the check fails to judge it');
});

test('a contract tightens for its tenant alone', () => {
  const posture = postureOf([tenant('shop', { contract: { 'law-2': { hoursMax: 4 } } }), tenant('clinic')]);
  posture.take([fact('backup.ageHours', 8)], NOW);
  expect([statusOf(posture, 'law-2'), statusOf(posture, 'law-2', NOW, 'clinic')]).toEqual([
    'not-satisfied',
    'satisfied',
  ]);
  expect(posture.result('shop', 'law-2', NOW)?.parameters).toEqual({ hoursMax: 4 });
  expect(textsOf(posture, 'law-2')?.[0]).toMatch(/value <= hoursMax with hoursMax = 4 hours$/);
});

test('a documented alternative stands beside the result until it expires, and is counted when it is needed', () => {
  const alternative: Deviation = {
    name: 'tape',
    control: 'law-2',
    tenants: ['shop'],
    owner: 'anna',
    reason: 'old tape robot',
    compensatingControl: 'a second copy',
    expiresAt: NOW + HOUR,
  };
  const posture = postureOf([tenant('shop'), tenant('clinic')], [alternative]);
  posture.take([fact('backup.ageHours', 8)], NOW);
  // What was so at the first look has not turned.
  expect(posture.takeMatches().get('tape')).toBe(0);
  posture.take([fact('backup.ageHours', 48, { measuredAt: NOW + 1 })], NOW + 1);
  expect([posture.takeMatches().get('tape'), posture.takeMatches().size]).toEqual([1, 0]);
  expect(posture.standsFor('tape', NOW + 1)).toBe(1);
  expect(posture.standsFor('tape', NOW + HOUR)).toBe(0);
  expect(posture.standsFor('no such', NOW + 1)).toBe(0);
  expect(posture.result('shop', 'law-2', NOW + 1)).toMatchObject({ status: 'not-satisfied', deviation: alternative });
  expect(posture.result('clinic', 'law-2', NOW + 1)?.deviation).toBeNull();
  expect(posture.counts('shop', 'law', NOW + 1)).toMatchObject({ notSatisfied: 1, addressed: 1 });
  expect(posture.counts('shop', 'law', NOW + HOUR)).toMatchObject({ notSatisfied: 1, addressed: 0 });
});

test('a report of a collector forgets the subjects that it no longer names, and those of no other', () => {
  const posture = postureOf();
  posture.take([fact('tls.protocol.lowest', 1.0, { subject: 'theirs', collector: 'other' })], NOW);
  posture.report('test', [fact('tls.protocol.lowest', 1.0), fact('tls.protocol.lowest', 1.2, { subject: 'two' })], NOW);
  posture.report('test', [fact('tls.protocol.lowest', 1.2, { subject: 'two' })], NOW);
  expect(posture.result('shop', 'law-1', NOW)?.reasons.map(({ subject }) => subject)).toEqual(['theirs', 'two']);
  posture.report('other', [], NOW);
  expect(statusOf(posture, 'law-1')).toBe('satisfied');
});

test('declaring again keeps what is known, and the time since which it is so', () => {
  const posture = postureOf();
  posture.take([fact('tls.protocol.lowest', 1.2)], NOW);
  const declared = { tenants: [tenant('shop'), tenant('new')], frameworks: [FRAMEWORK], deviations: [] };
  expect(posture.declare(declared, NOW + 5).filter(({ tenant: name }) => name === 'shop')).toEqual([]);
  expect(posture.result('shop', 'law-1', NOW + 5)?.since).toBe(NOW);
  expect(statusOf(posture, 'law-1', NOW + 5, 'new')).toBe('satisfied');
  expect(posture.tenants()).toEqual(['shop', 'new']);
});

test('a framework that nobody declared is told', () => {
  expect(postureOf([tenant('shop', { frameworks: ['law', 'nowhere'] })]).unknownFrameworks('shop')).toEqual([
    'nowhere',
  ]);
});

const NAMES = ['tls.protocol.lowest', 'backup.ageHours', 'rls.views.bypassing'] as const;

test('step by step comes to the same as all at once, whatever the order', () => {
  const anyFact = fc.record({
    name: fc.constantFrom(...NAMES),
    subject: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.constantFrom(0, 1, 1.2, 30, Number.NaN), { nil: undefined }),
    tenants: fc.constantFrom<readonly string[] | 'all'>('all', ['shop'], ['clinic'], []),
    age: fc.integer({ min: 0, max: 30 * HOUR }),
  });
  fc.assert(
    fc.property(fc.array(anyFact, { maxLength: 30 }), fc.integer({ min: 0, max: 30 * HOUR }), (drawn, later) => {
      const facts = drawn.map(({ name, subject, value, tenants, age }) =>
        fact(name, value, { subject, tenants, measuredAt: NOW - age }),
      );
      const incremental = postureOf();
      for (const each of facts) incremental.take([each], NOW);
      incremental.settle(NOW + later);
      const whole = postureOf([]);
      whole.take(facts, NOW);
      const tenants = [tenant('shop'), tenant('clinic')];
      whole.declare({ tenants, frameworks: [FRAMEWORK], deviations: [] }, NOW + later);
      for (const name of ['shop', 'clinic']) {
        expect(incremental.counts(name, 'law', NOW + later)).toEqual(whole.counts(name, 'law', NOW + later));
        for (const {
          control: { id },
          status,
        } of whole.results(name, 'law', NOW + later)) {
          expect(statusOf(incremental, id, NOW + later, name)).toBe(status);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('a violation says since when it may be so, and by which measurement it is over', () => {
  const posture = postureOf([tenant('shop')]);
  const rls = (value: boolean | undefined, at: number) =>
    posture.take([fact('rls.enabled', value, { measuredAt: at })], at).map(({ to, measured }) => [to, measured]);
  // Nobody measures the other fact of this control: it never is satisfied.
  expect(rls(true, NOW)).toEqual([]);
  expect(rls(true, NOW + 10)).toEqual([]);
  expect(rls(false, NOW + 20)).toEqual([['not-satisfied', { at: NOW + 20, goodAt: NOW + 10 }]]);
  expect(rls(false, NOW + 30)).toEqual([]);
  expect(rls(true, NOW + 40)).toEqual([['unknown', { at: NOW + 40, goodAt: null }]]);
});

test('a violation by two subjects began when the first of them was good last', () => {
  const posture = postureOf([tenant('shop')]);
  const views = (subject: string, value: number, at: number) =>
    fact('rls.views.bypassing', value, { subject, measuredAt: at, tenants: subject === 'own' ? ['shop'] : 'all' });
  posture.take([views('own', 0, NOW), views('one', 0, NOW + 3), views('two', 0, NOW + 6)], NOW + 6);
  const bad = [views('own', 1, NOW + 12), views('one', 1, NOW + 11), views('two', 1, NOW + 10)];
  expect(posture.take(bad, NOW + 12)[0]?.measured).toEqual({ at: NOW + 10, goodAt: NOW });
  const good = [views('own', 0, NOW + 20), views('one', 0, NOW + 22)];
  expect(posture.take(good, NOW + 22)).toEqual([]);
  expect(posture.take([views('two', 0, NOW + 21)], NOW + 23)[0]?.measured).toEqual({ at: NOW + 22, goodAt: null });
});

test('a violation that only became too old is not over, and one from the first look on has no beginning', () => {
  const posture = postureOf([tenant('shop')]);
  expect(posture.take([fact('rls.enabled', false)], NOW)[0]?.measured).toEqual({ at: NOW, goodAt: null });
  const [stale] = posture.settle(NOW + HOUR);
  expect(stale).toMatchObject({ to: 'unknown' });
  expect(stale).not.toHaveProperty('measured');
  const again = posture.take([fact('rls.enabled', false, { measuredAt: NOW + HOUR })], NOW + HOUR);
  expect(again[0]?.measured).toEqual({ at: NOW + HOUR, goodAt: null });
});
