import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Fact, factKey } from '../observe/fact.ts';
import { FACT_KINDS } from '../resources/fact-kinds.ts';
import type { Control } from '../resources/control.ts';
import { compileProfile, profileSchema } from '../resources/profile.ts';
import type { Status } from './assess.ts';
import { type Obliged, Posture } from './posture.ts';

/** Judging step by step, and once for all who are asked the same, against a plain reading of what a result is. */

const NOW = 1_000_000_000;
const HOUR = 3_600_000;

const number = { unit: 'hours', tighter: 'lower', status: 'in-force', source: 'test' };
const controls: readonly [string, readonly (readonly [string, string])[], object?][] = [
  ['law-1', [['backup.ageHours', 'value <= hoursMax']], { hoursMax: { ...number, value: 24 } }],
  ['law-2', [['residency.stores', 'value.all(each, each in tenant.regions)']]],
  [
    'law-3',
    [
      ['rls.views.bypassing', 'value <= 0.0'],
      ['backup.ageHours', '!has(tenant.rpoMs) || value * 3600000.0 <= tenant.rpoMs'],
    ],
  ],
  ['law-4', [['resilience.rtoMs', 'value <= tenant.rtoMs']]],
  [
    'law-5',
    [
      ['backup.ageHours', 'value >= 1.0'],
      ['backup.ageHours', 'value <= 40.0'],
    ],
  ],
];
const FRAMEWORK = compileProfile(
  profileSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Profile',
    metadata: { name: 'law' },
    spec: {
      title: 'Law',
      controls: controls.map(([id, checks, parameters = {}]) => {
        const words = { clause: id, title: id, paraphrase: id };
        return { id, ...words, parameters, checks: checks.map(([fact, holds]) => ({ fact, holds })) };
      }),
    },
  }),
);

const terms = (name: string, more = {}) => ({
  name,
  regions: ['eu'],
  processors: [],
  dataClasses: [],
  availability: 0.999,
  ...more,
});
/** Some are asked the same, and some are not. */
const TENANTS: readonly Obliged[] = [
  { terms: terms('a'), frameworks: ['law'], contract: {} },
  { terms: terms('b'), frameworks: ['law'], contract: {} },
  { terms: terms('c', { regions: ['us'] }), frameworks: ['law'], contract: {} },
  { terms: terms('d', { rtoMs: 5, rpoMs: 8 * HOUR }), frameworks: ['law'], contract: {} },
  { terms: terms('e'), frameworks: ['law'], contract: { 'law-1': { hoursMax: 4 } } },
];

/** What the facts say of a control for a tenant, one by one. */
class PlainReading {
  readonly facts = new Map<string, Fact>();
  readonly #earlier = new Map<string, Fact>();
  readonly #guilty = new Map<string, Set<string>>();

  take(fact: Fact): void {
    const before = this.facts.get(factKey(fact));
    if (before && before.measuredAt > fact.measuredAt) return;
    if (before?.measured.kind === 'value') this.#earlier.set(factKey(fact), before);
    this.facts.set(factKey(fact), fact);
  }

  forget(key: string): void {
    this.facts.delete(key);
    this.#earlier.delete(key);
  }

  status(control: Control, tenant: Obliged, at: number): Status {
    const each = control.checks.flatMap((check) => {
      const facts = this.#about(tenant).filter(({ name }) => name === check.fact);
      return facts.length === 0 ? ['unknown'] : facts.map((fact) => this.#one(control, check, fact, tenant, at));
    });
    return each.includes('not-satisfied') ? 'not-satisfied' : each.includes('unknown') ? 'unknown' : 'satisfied';
  }

  /** By which measurements a violation begins or ends with this status. To be asked after each step. */
  measured(control: Control, tenant: Obliged, to: Status, isTurn: boolean, at: number) {
    const key = `${tenant.terms.name} ${control.id}`;
    const judged = control.checks.flatMap((check) =>
      this.#about(tenant)
        .filter(({ name }) => name === check.fact)
        .map((fact) => ({ check, fact, status: this.#one(control, check, fact, tenant, at) })),
    );
    const bad = judged.filter(({ status }) => status === 'not-satisfied');
    const guilty = this.#guilty.get(key) ?? new Set<string>();
    for (const { fact } of bad) guilty.add(factKey(fact));
    if (guilty.size > 0) this.#guilty.set(key, guilty);
    if (!isTurn) return undefined;
    if (to === 'not-satisfied') {
      const good = bad.map(({ check, fact }) => {
        const before = this.#earlier.get(factKey(fact));
        const was = before && this.#one(control, check, before, tenant, before.measuredAt);
        return was === 'satisfied' ? before!.measuredAt : null;
      });
      const goodAt = good.includes(null) ? null : Math.min(...good.map(Number));
      return { at: Math.min(...bad.map(({ fact }) => fact.measuredAt)), goodAt };
    }
    if (guilty.size === 0) return undefined;
    const ends = [...guilty].map((name) => {
      if (!this.facts.has(name)) return at;
      const its = judged.filter(({ fact }) => factKey(fact) === name);
      return its.length > 0 && its.every(({ status }) => status === 'satisfied') ? its[0]!.fact.measuredAt : undefined;
    });
    if (ends.includes(undefined)) return undefined;
    this.#guilty.delete(key);
    return { at: Math.max(...ends.map(Number)), goodAt: null };
  }

  #about({ terms: { name } }: Obliged): Fact[] {
    return [...this.facts.values()].filter(({ tenants }) => tenants === 'all' || tenants.includes(name));
  }

  #one(control: Control, check: Control['checks'][number], fact: Fact, tenant: Obliged, at: number): Status {
    if (fact.measured.kind === 'unknown' || fact.measuredAt + FACT_KINDS[fact.name].freshMs <= at) return 'unknown';
    const { value } = fact.measured;
    if (typeof value === 'number' && !Number.isFinite(value)) return 'unknown';
    const given = { ...control.defaults, ...tenant.contract[control.id], tenant: tenant.terms, value };
    try {
      return check.test(given) ? 'satisfied' : 'not-satisfied';
    } catch {
      return 'unknown';
    }
  }
}

const values = {
  'backup.ageHours': [0, 3, 12, 30, 50, Number.NaN, undefined],
  'rls.views.bypassing': [0, 1, undefined],
  'resilience.rtoMs': [1, 9],
  'residency.stores': [['eu'], ['us'], ['eu', 'us'], []],
} as const;
const anyFact = fc.constantFrom(...(Object.keys(values) as (keyof typeof values)[])).chain((name) =>
  fc.record({
    name: fc.constant(name),
    subject: fc.constantFrom('one', 'two'),
    value: fc.constantFrom<number | readonly string[] | undefined>(...values[name]),
    tenants: fc.constantFrom<readonly string[] | 'all'>('all', 'all', ['a'], ['a', 'c', 'd'], ['e'], []),
  }),
);
function factOf({ value, ...fact }: Drawn, at: number): Fact {
  const measured =
    value === undefined ? { kind: 'unknown' as const, reason: 'no answer' } : { kind: 'value' as const, value };
  return { ...fact, measured, measuredAt: at, collector: 'test', evidence: null };
}
type Drawn = Pick<Fact, 'name' | 'subject' | 'tenants'> & {
  readonly value: number | readonly string[] | undefined;
};
const anyStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('take' as const), facts: fc.array(anyFact, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), subject: fc.constantFrom('one', 'two') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('declare' as const) }) },
);

test('every turn, and by which measurements, is what a plain reading of all facts gives', () => {
  const steps = fc.array(fc.tuple(anyStep, fc.constantFrom(0, 1, HOUR, 26 * HOUR)), { maxLength: 12 });
  fc.assert(
    fc.property(steps, (drawn) => {
      const posture = new Posture();
      const plain = new PlainReading();
      const declared = { tenants: TENANTS, frameworks: [FRAMEWORK], deviations: [] };
      const known = new Map<string, Status>();
      let at = NOW;
      const compare = (turns: ReturnType<Posture['settle']>) => {
        const expected = TENANTS.flatMap((tenant) =>
          FRAMEWORK.controls.flatMap((control) => {
            const key = `${tenant.terms.name} ${control.id}`;
            const to = plain.status(control, tenant, at);
            const from = known.get(key) ?? null;
            const measured = plain.measured(control, tenant, to, from !== to, at);
            known.set(key, to);
            const turn = { tenant: tenant.terms.name, framework: 'law', control: control.id, from, to, at };
            return from === to ? [] : [{ ...turn, ...(measured && { measured }) }];
          }),
        );
        const order = (a: { tenant: string; control: string }, b: typeof a) =>
          `${a.tenant} ${a.control}` < `${b.tenant} ${b.control}` ? -1 : 1;
        expect(turns.toSorted(order)).toEqual(expected.toSorted(order));
      };
      compare(posture.declare(declared, at));
      for (const [step, afterMs] of drawn) {
        at += afterMs;
        // What went stale meanwhile is told first, as the control process does.
        compare(posture.settle(at));
        if (step.kind === 'declare') compare(posture.declare(declared, at));
        if (step.kind === 'forget') {
          const kept = [...plain.facts.values()].filter(({ subject }) => subject !== step.subject);
          for (const key of plain.facts.keys()) if (!kept.some((fact) => factKey(fact) === key)) plain.forget(key);
          for (const fact of kept) plain.take(fact);
          compare(posture.report('test', kept, at));
        }
        if (step.kind !== 'take') continue;
        const facts = step.facts.map((each) => factOf(each, at));
        for (const fact of facts) plain.take(fact);
        compare(posture.take(facts, at));
      }
    }),
    { numRuns: 400 },
  );
});
