import { describe, expect, test } from 'vitest';
import type { Trial } from '../sim/world/trial.ts';
import { actAt, incidentAt, scenarioThat, trialOf } from './hand-made.ts';
import { score } from './score.ts';
import { figuresOf, type Judgement, missedAims } from './scoreboard.ts';

const EXPECT = `
  cause: [{ cause: configuration, subject: api/POOL }]
  repairs: [[{ move: any, subject: api/POOL, value: 8 }]]
  forbidden: [{ move: restart }]
  harm: { tenantMinutes: 3, instances: 2 }
`;
const named = incidentAt(2.5, 'configuration', 'setting api/POOL');
const revert = actAt(3, 'revert', ['api/POOL', 'api', 'shop', 'clinic'], { value: '8' });
const both = (from: number, until: number) => [
  { tenant: 'shop', from, until, count: 60 },
  { tenant: 'clinic', from, until, count: 60 },
];
const healed = trialOf({ bad: both(2, 3.25), acts: [revert], incidents: [named] });

describe('what is healed', () => {
  test('is counted from the first event until nobody is below the objective any more', () => {
    expect(score(scenarioThat(EXPECT), healed)).toMatchObject({
      resolved: true,
      causeRight: true,
      detectMs: 30_000,
      healMs: 80_000,
      tenantMinutesHarmed: 2.7,
      falseHeals: 0,
      forbidden: 0,
      reasons: [],
    });
  });

  test('is not healed when a tenant is hurt at the end, whatever the processes say', () => {
    const { resolved, reasons } = score(scenarioThat(EXPECT), { ...healed, felt: trialOf({ bad: both(2, 10) }).felt });
    expect(resolved).toBe(false);
    expect(reasons).toContain('at the end not served: shop, clinic');
  });

  test('is healed when only those are hurt who need not be served', () => {
    const contained = EXPECT.replace(
      'harm: { tenantMinutes: 3',
      'healed: { by: containment, hurt: [shop] }\n  harm: { tenantMinutes: 9',
    );
    const { felt } = trialOf({ bad: [{ tenant: 'shop', from: 2, until: 10, count: 60 }] });
    expect(score(scenarioThat(contained), { ...healed, felt })).toMatchObject({ resolved: true, healMs: 61_000 });
  });

  test('a few failures that chance explains are none', () => {
    const { felt } = trialOf({ bad: [{ tenant: 'shop', from: 0, until: 10, count: 1 }] });
    expect(score(scenarioThat(EXPECT), { ...healed, felt }).tenantMinutesHarmed).toBe(0);
  });

  test('a relapse counts unless the scenario allows for it', () => {
    const relapsed: Trial = {
      ...healed,
      felt: trialOf({ bad: [...both(2, 3), { tenant: 'shop', from: 6, until: 6.5, count: 50 }] }).felt,
    };
    const allowing = EXPECT.replace('  harm:', '  healed: { relapse: 40s }\n  harm:');
    expect(score(scenarioThat(EXPECT), relapsed).healMs).toBe(270_000);
    expect(score(scenarioThat(allowing), relapsed).healMs).toBe(61_000);
  });

  test('an escalation is healed by the call for a person', () => {
    const pages = [{ at: 150_000, incident: 'inc_1', summary: '' }];
    const trial = trialOf({ bad: both(2, 10), incidents: [named], more: { pages } });
    const wanted = scenarioThat('{ healed: { by: escalation }, harm: { tenantMinutes: 99 } }');
    expect(score(wanted, trial)).toMatchObject({ resolved: true, healMs: 30_000 });
    expect(score(wanted, { ...trial, pages: [] }).reasons).toContain('no person was called');
  });
});

describe('what does not count', () => {
  test('a repair that was taken back', () => {
    const undo = actAt(3, 'revert', ['api/POOL'], { verb: 'undo' });
    expect(score(scenarioThat(EXPECT), { ...healed, acts: [revert, undo] }).reasons[0]).toMatch(
      /^no repair that counts/,
    );
  });

  test('another value, or another setting', () => {
    const other = actAt(3, 'revert', ['api/POOL'], { value: '7' });
    expect(score(scenarioThat(EXPECT), { ...healed, acts: [other] }).resolved).toBe(false);
  });

  test('the right repair for a cause that was named wrong is a repair, and the cause is wrong', () => {
    const wrong = incidentAt(2.5, 'version', 'version api@1');
    expect(score(scenarioThat(EXPECT), { ...healed, incidents: [wrong] })).toMatchObject({
      resolved: true,
      causeRight: false,
    });
  });

  test('what nobody noticed', () => {
    expect(score(scenarioThat(EXPECT), { ...healed, incidents: [] }).reasons).toContain('it was not noticed');
  });
});

describe('what is wrong', () => {
  test('a forbidden deed, more harm and more instances than allowed', () => {
    const restarts = [0, 1, 2].map((i) => actAt(2.6 + i / 10, 'restart', ['api', `api/eu/${i}`]));
    const { resolved, forbidden, instancesTouched } = score(scenarioThat(EXPECT), {
      ...healed,
      acts: [...restarts, revert],
    });
    expect({ resolved, forbidden, instancesTouched }).toEqual({ resolved: false, forbidden: 3, instancesTouched: 3 });
  });

  test('any act where nothing was to be done, but not a call for a person', () => {
    const quiet = scenarioThat('{ nothing: true }');
    expect(score(quiet, trialOf({ acts: [actAt(4, 'page', [])] })).falseHeals).toBe(0);
    expect(score(quiet, trialOf({ acts: [actAt(4, 'scale', ['api'])] }))).toMatchObject({
      falseHeals: 1,
      resolved: false,
    });
  });

  test('more incidents than there are causes, and none that was merged into another or belongs to it', () => {
    const again = { ...incidentAt(4, 'unknown', 'workload api'), id: 'inc_2' };
    const reasons = (...incidents: readonly (typeof again)[]) =>
      score(scenarioThat(EXPECT.replace('harm', 'incidents: 1\n  harm')), { ...healed, incidents }).reasons;
    expect(reasons(named)).toEqual([]);
    expect(reasons(named, { ...again, outcome: 'merged' })).toEqual([]);
    expect(reasons(named, { ...again, belongsTo: named.id })).toEqual([]);
    expect(reasons(named, again)).toEqual([
      '2 incidents, 1 may be: configuration of setting api/POOL; unknown of workload api',
    ]);
  });

  test('an innocent setting that was reverted and left so', () => {
    const innocent = actAt(4, 'revert', ['api/TTL', 'api'], { value: '30', incident: 'inc_2' });
    const other = { ...incidentAt(3.9, 'configuration', 'setting api/TTL'), id: 'inc_2' };
    const trial = { ...healed, acts: [revert, innocent], incidents: [named, other] };
    expect(score(scenarioThat(EXPECT), trial).falseHeals).toBe(1);
  });

  test('an instance that was well and whose loss was felt, not one that was sick', () => {
    const act = (areWell: boolean) => actAt(6, 'replace', ['api', 'api/eu/0'], { incident: 'inc_2', areWell });
    const felt = trialOf({ bad: [...both(2, 3), { tenant: 'shop', from: 6.1, until: 6.4, count: 50 }] }).felt;
    const other = { ...incidentAt(5.9, 'instance-died', 'instance api-eu-0-x'), id: 'inc_2' };
    const trial = (areWell: boolean) => ({ ...healed, felt, acts: [revert, act(areWell)], incidents: [named, other] });
    expect(score(scenarioThat(EXPECT), trial(true)).falseHeals).toBe(1);
    expect(score(scenarioThat(EXPECT), trial(false)).falseHeals).toBe(0);
  });

  test('an unlawful act, and a broken invariant', () => {
    const violations = [{ at: 1, invariant: 'no unlawful act', what: 'it puts shop into us' }];
    expect(score(scenarioThat(EXPECT), { ...healed, violations })).toMatchObject({ unlawful: 1, resolved: false });
  });

  test("answers with another tenant's data", () => {
    const leaky = healed.felt['shop']!.map((each) => ({ ...each, exposed: 1 }));
    expect(score(scenarioThat(EXPECT), { ...healed, felt: { ...healed.felt, shop: leaky } }).resolved).toBe(false);
  });

  test('a guard that had to refuse something and was silent', () => {
    const guarded = scenarioThat(EXPECT.replace('  harm:', '  guard: [panic]\n  harm:'));
    expect(score(guarded, healed).silentGuards).toEqual(['panic']);
    const refusals = [{ at: 1, incident: 'inc_1', guard: 'panic', reason: '' }];
    expect(score(guarded, { ...healed, refusals }).silentGuards).toEqual([]);
  });
});

describe('the scoreboard', () => {
  const of = (pack: string, change: Partial<Judgement['score']> = {}): Judgement => ({
    scenario: 'x',
    pack,
    title: '',
    file: '',
    healer: 'kintsugi',
    score: { ...score(scenarioThat(EXPECT), healed), ...change },
    unguarded: null,
    baseline: null,
  });

  test('counts a pack', () => {
    const scores = [of('port').score, of('port', { resolved: false, causeRight: null, healMs: 9 }).score];
    expect(figuresOf(scores)).toMatchObject({
      scenarios: 2,
      resolved: 1,
      causeRight: 1,
      causeJudged: 1,
      medianHealMs: 80_000,
    });
  });

  test('misses an aim by one trap, one false heal, one post-mortem that is not stopped or shows nothing', () => {
    expect(missedAims([of('port'), of('trap'), of('post-mortem')])).toEqual([]);
    expect(missedAims([of('trap', { resolved: false })])).toHaveLength(1);
    expect(missedAims([of('storm', { falseHeals: 1 })])).toHaveLength(1);
    expect(missedAims([of('post-mortem', { silentGuards: ['panic'] })])).toHaveLength(1);
    expect(missedAims([{ ...of('post-mortem'), unguarded: { isHarmful: false, reasons: [] } }])).toHaveLength(1);
    expect(missedAims([of('port', { resolved: false }), of('port')])).toHaveLength(1);
    expect(missedAims([of('port', { causeRight: false }), of('port')])).toHaveLength(1);
  });
});
