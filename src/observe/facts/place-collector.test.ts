import { describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { placeCollector, type Place, Unmeasured, value } from './place-collector.ts';

const never = new AbortController().signal;

/** A collector over places whose names say how they behave. */
function over(...subjects: string[]) {
  const places = subjects.map((subject): Place => ({ subject, tenants: ['clinic'] }));
  return placeCollector({
    name: 'trial',
    facts: ['rls.keys.leaking', 'rls.truncate.granted'],
    everyMs: 1_000,
    timeoutMs: 5_000,
    placeMs: 50,
    places: () => places,
    clock,
    look: async ({ subject }) => {
      if (subject === 'hangs') return new Promise(() => undefined);
      if (subject === 'refuses') throw Object.assign(new Error('patient Smith may not'), { code: '42501' });
      if (subject === 'throws') throw new TypeError('cannot read Smith');
      if (subject === 'cannot') throw new Unmeasured('nobody said where');
      return { readings: { 'rls.keys.leaking': value(0) }, transcript: { subject } };
    },
  });
}

describe('a place that cannot be measured', () => {
  test.each([
    ['hangs', 'no answer within 0.05 s'],
    ['refuses', 'it was refused with 42501'],
    ['throws', 'it failed in a way that nobody expected'],
    ['cannot', 'nobody said where'],
  ])(
    'that %s makes its own facts unknown, with the reason and without data, and no others',
    async (subject, reason) => {
      const facts = await over('good', subject, 'other').collect(never);
      const of = (name: string) => facts.filter((fact) => fact.subject === name);
      expect(of(subject).map(({ measured }) => measured)).toEqual([
        { kind: 'unknown', reason },
        { kind: 'unknown', reason },
      ]);
      expect(of('good')).toMatchObject([{ name: 'rls.keys.leaking', measured: { kind: 'value', value: 0 } }]);
      expect(of('other')).toHaveLength(1);
      expect(JSON.stringify(facts)).not.toContain('Smith');
    },
  );

  test('evidence is the digest of what was kept, and there is none of what was not seen, or not kept', async () => {
    const kept: unknown[] = [];
    const [good, , unseen] = await over('good', 'cannot').collect(
      never,
      (transcript) => `sha256:${kept.push(transcript)}`,
    );
    expect(good?.evidence).toBe('sha256:1');
    expect(kept).toMatchObject([{ collector: 'trial', subject: 'good', transcript: { subject: 'good' } }]);
    expect(unseen?.evidence).toBeNull();
    const [unkept] = await over('good').collect(never);
    expect(unkept?.evidence).toBeNull();
  });

  test('is not looked at once the round was called off', async () => {
    const facts = await over('good').collect(AbortSignal.abort());
    expect(facts[0]?.measured).toEqual({ kind: 'unknown', reason: 'the round ended before its turn' });
  });
});
