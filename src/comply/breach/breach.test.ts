import { expect, test } from 'vitest';
import fc from 'fast-check';
import { builtinProfiles } from '../../resources/builtin-profiles.ts';
import { compileProfile } from '../../resources/profile.ts';
import type { Fact } from '../../observe/fact.ts';
import { type Assessment, awareAtOf, type Opening, type Step } from './breach.ts';
import { type BreachClock, clocksOf } from './clocks.ts';
import { dutiesAfter } from './duties.ts';
import { Outages } from './outage.ts';
import { quarantineSign, signIn } from './signs.ts';
import { callsOf, coveringOf, dueStep, isNews } from './turns.ts';
import { stepOf, type Word } from './words.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const T0 = 1_000_000_000_000;

const FRAMEWORKS = builtinProfiles().map(compileProfile);
const law = (tenant: string, names: readonly string[], contract = {}) => ({
  tenant,
  frameworks: FRAMEWORKS.filter(({ name }) => names.includes(name)),
  contract,
});

function opening(change: Partial<Opening> = {}): Opening {
  return {
    sign: 'fact rls.enabled postgresql/records/eu',
    cause: 'confidentiality store postgresql/records/eu',
    loss: 'confidentiality',
    what: 'row-level security was off on a protected table (store postgresql/records/eu)',
    tenants: ['clinic'],
    detectedAt: T0,
    incident: null,
    snapshot: {},
    duties: dutiesAfter('confidentiality', law('clinic', ['gdpr'])),
    assessMs: DAY,
    remindShare: 0.8,
    awareAfterMs: null,
    ...change,
  };
}

function assessment(steps: readonly Step[] = [], change: Partial<Opening> = {}): Assessment {
  return { ...opening(change), id: 'brc_1', steps };
}

const aware = (at: number): Step => ({ kind: 'aware', awareAt: at, isReal: false, at, by: 'anna' });
const sent = (control: string, at: number): Step => ({
  kind: 'sent',
  clocks: [`clinic ${control}`],
  sentAt: at,
  at,
  by: 'anna',
});

function clock(of: Assessment, control: string, now: number): BreachClock {
  const found = clocksOf(of, now).find(({ key }) => key === `clinic ${control}`);
  if (!found) throw new Error(`no clock ${control}`);
  return found;
}

test('the authority is told within 72 hours of awareness, and the controller within our default of 24', () => {
  const unaware = assessment();
  expect(clock(unaware, 'gdpr-art33.1', T0 + 400 * DAY)).toMatchObject({ state: 'waiting', dueAt: null });
  const known = assessment([aware(T0 + 5 * HOUR)]);
  expect(clock(known, 'gdpr-art33.1', T0 + 6 * HOUR)).toMatchObject({
    state: 'running',
    dueAt: T0 + 77 * HOUR,
    limit: { status: 'in-force' },
  });
  expect(clock(known, 'gdpr-art33.2', T0 + 6 * HOUR)).toMatchObject({
    dueAt: T0 + 29 * HOUR,
    limit: { status: 'policy-default' },
  });
  expect(clock(known, 'gdpr-art33.1', T0 + 77 * HOUR - 1).state).toBe('due-soon');
  expect(clock(known, 'gdpr-art33.1', T0 + 77 * HOUR).state).toBe('overdue');
});

test('a contract tightens a clock, and says that it did', () => {
  const duties = dutiesAfter('confidentiality', law('clinic', ['gdpr'], { 'gdpr-art33.2': { controllerHours: 4 } }));
  const of = assessment([aware(T0)], { duties });
  expect(clock(of, 'gdpr-art33.2', T0)).toMatchObject({ dueAt: T0 + 4 * HOUR, limit: { status: 'contract' } });
});

test('HIPAA counts 60 days from detection, for what somebody could have read and not for an outage', () => {
  const duties = dutiesAfter('confidentiality', law('clinic', ['hipaa']));
  expect(clock(assessment([], { duties }), 'hipaa-164.404.b', T0).dueAt).toBe(T0 + 60 * DAY);
  expect(dutiesAfter('availability', law('clinic', ['hipaa']))).toEqual([]);
});

test('of the two limits of DORA the earlier one binds, and later stages follow the one before', () => {
  const duties = dutiesAfter('availability', law('clinic', ['dora']));
  const base = [aware(T0)];
  expect(clock(assessment(base, { duties }), 'dora-rts301.initial', T0).dueAt).toBe(T0 + 24 * HOUR);
  const classified: Step = { kind: 'classified', at: T0 + 10 * HOUR, by: 'anna' };
  const both = [...base, classified];
  expect(clock(assessment(both, { duties }), 'dora-rts301.initial', T0).dueAt).toBe(T0 + 14 * HOUR);
  const late: Step = { kind: 'classified', at: T0 + 23 * HOUR, by: 'anna' };
  expect(clock(assessment([...base, late], { duties }), 'dora-rts301.initial', T0).dueAt).toBe(T0 + 24 * HOUR);
  expect(clock(assessment(both, { duties }), 'dora-rts301.intermediate', T0).state).toBe('waiting');
  const first = [...both, sent('dora-rts301.initial', T0 + 12 * HOUR)];
  expect(clock(assessment(first, { duties }), 'dora-rts301.intermediate', T0).dueAt).toBe(T0 + 84 * HOUR);
  const second = [...first, sent('dora-rts301.intermediate', T0 + 50 * HOUR)];
  expect(clock(assessment(second, { duties }), 'dora-rts301.final', T0).dueAt).toBe(T0 + 50 * HOUR + 28 * DAY);
});

test('NIS2 has its three stages beside the clocks of others, and none stops another', () => {
  const duties = dutiesAfter('integrity', law('clinic', ['gdpr', 'nis2']));
  const of = assessment([aware(T0), sent('nis2-art23.4.a', T0 + HOUR)], { duties });
  expect(clock(of, 'nis2-art23.4.a', T0 + 2 * HOUR).state).toBe('sent');
  expect(clock(of, 'nis2-art23.4.b', T0 + 2 * HOUR)).toMatchObject({ state: 'running', dueAt: T0 + 72 * HOUR });
  expect(clock(of, 'nis2-art23.4.d', T0 + 2 * HOUR).state).toBe('waiting');
  expect(clock(of, 'gdpr-art33.1', T0 + 2 * HOUR).state).toBe('running');
});

test('awareness is a word, or the policy where it says so; the earlier of the two counts', () => {
  expect(awareAtOf(assessment(), T0 + 400 * DAY)).toBeNull();
  const byPolicy = { awareAfterMs: 2 * HOUR };
  expect(awareAtOf(assessment([], byPolicy), T0 + HOUR)).toBeNull();
  expect(awareAtOf(assessment([], byPolicy), T0 + 3 * HOUR)).toBe(T0 + 2 * HOUR);
  expect(awareAtOf(assessment([aware(T0 + HOUR)], byPolicy), T0 + 3 * HOUR)).toBe(T0 + HOUR);
});

test('a drill starts no clock, unless a person says that it was real', () => {
  const drill: Step = { kind: 'drill', drill: 'drl_1', at: T0, by: null };
  const states = (of: Assessment) => new Set(clocksOf(of, T0 + DAY).map(({ state }) => state));
  expect(states(assessment([drill]))).toEqual(new Set(['off']));
  expect(callsOf(assessment([drill]), T0 + 10 * DAY)).toEqual([]);
  const word: Word = { kind: 'aware', awareAt: T0, isReal: false };
  expect(stepOf(word, assessment([drill]), 'anna', T0 + HOUR)).toMatchObject({
    refused: expect.stringContaining('--real'),
  });
  const real = stepOf({ ...word, isReal: true }, assessment([drill]), 'anna', T0 + HOUR) as Step;
  expect(states(assessment([drill, real]))).toContain('running');
});

test('a drill marks what it caused, and not what happened meanwhile', () => {
  const none = new Map();
  const mark = { id: 'drl_1', startedAt: T0 - HOUR, endedAt: T0 + HOUR, incident: 'inc_1', about: [], reasons: [] };
  const marks = (of: Assessment, drill: Partial<typeof mark> | object) =>
    dueStep(of, none, [{ ...mark, ...drill }], T0)?.kind === 'drill';
  const own = { about: ['protection postgresql/records/eu/"public"."records"/row-level-security'] };
  expect(marks(assessment(), own)).toBe(true);
  expect(marks(assessment(), { about: ['records-eu-0'] })).toBe(false);
  expect(marks(assessment(), { ...own, endedAt: T0 - 1 })).toBe(false);
  expect(marks(assessment([], { incident: 'inc_1' }), {})).toBe(true);
  const logs = { sign: 'fact card.logs.plaintext logs', cause: 'confidentiality platform logs' };
  expect(
    marks(assessment([], logs), { reasons: ['card.logs.plaintext of platform logs is 1 (hits); asked for: ...'] }),
  ).toBe(true);
  expect(marks(assessment([], logs), { reasons: ['card.stored.plaintext of store logs is 1 (hits)'] })).toBe(false);
  const outage = { sign: 'outage clinic', cause: 'availability tenant clinic', loss: 'availability' as const };
  expect(marks(assessment([], outage), { about: ['clinic'] })).toBe(true);
  expect(marks(assessment([], outage), { about: ['shop'] })).toBe(false);
});

test('a reminder comes at 80 % and an escalation on the miss, each once', () => {
  const seen = new Map();
  const said = [aware(T0)];
  expect(dueStep(assessment(said), seen, [], T0 + 19 * HOUR)).toBeUndefined();
  const reminder = dueStep(assessment(said), seen, [], T0 + 20 * HOUR);
  expect(reminder).toMatchObject({ kind: 'reminded', clock: 'clinic gdpr-art33.2' });
  const after = assessment([...said, reminder as Step]);
  expect(dueStep(after, seen, [], T0 + 21 * HOUR)).toBeUndefined();
  expect(isNews(after, reminder as Step)).toBe(false);
  expect(dueStep(after, seen, [], T0 + 24 * HOUR)).toMatchObject({ kind: 'missed', clock: 'clinic gdpr-art33.2' });
  const [first] = callsOf(after, T0 + 20 * HOUR);
  expect(first).toMatchObject({ of: 'reminded clinic gdpr-art33.2', summary: expect.stringContaining('4 h') });
  const paged: Step = { kind: 'paged', of: 'reminded clinic gdpr-art33.2', delivered: true, at: T0, by: null };
  expect(callsOf(assessment([...after.steps, paged]), T0 + 20 * HOUR)).toEqual([]);
});

test('nobody says what it is: that has a deadline too, which is ours', () => {
  expect(dueStep(assessment(), new Map(), [], T0 + DAY)).toMatchObject({ kind: 'missed', clock: 'assess' });
});

test('it has ended when every sign of it was seen well for a minute; what was not looked at has not ended', () => {
  const key = opening().sign;
  const well = (since: number) => new Map([[key, { sign: 'well' as const, since }]]);
  expect(dueStep(assessment(), new Map(), [], T0 + HOUR)).toBeUndefined();
  expect(dueStep(assessment(), well(T0 + HOUR), [], T0 + HOUR + 59_000)).toBeUndefined();
  expect(dueStep(assessment(), well(T0 + HOUR), [], T0 + HOUR + 60_000)).toMatchObject({
    kind: 'ended',
    endedAt: T0 + HOUR,
  });
});

const bad: Fact = {
  name: 'rls.enabled',
  subject: 'postgresql/records/eu',
  tenants: ['clinic'],
  measured: { kind: 'value', value: false },
  measuredAt: T0,
  collector: 'protections',
  evidence: null,
};

test('one cause is one assessment until a person has judged it, and a new one when it comes back after that', () => {
  const sign = signIn(bad, ['clinic', 'shop']);
  if (sign === undefined || sign === 'well') throw new Error('no sign');
  const undecided = assessment();
  expect(coveringOf(sign, [undecided])).toBe(undecided);
  const rows = signIn({ ...bad, name: 'isolation.sql.foreignRows', measured: { kind: 'value', value: 3 } }, []);
  expect(rows).toMatchObject({
    cause: sign.cause,
    what: 'rows of another tenant could be read: 3 rows (store postgresql/records/eu)',
  });
  const closed: Step = { kind: 'closed', reason: 'a test table', at: T0 + HOUR, by: 'anna' };
  const still = assessment([closed]);
  expect(coveringOf(sign, [still])).toBe(still);
  const over = assessment([closed, { kind: 'ended', endedAt: T0 + 2 * HOUR, at: T0 + 2 * HOUR, by: null }]);
  expect(coveringOf(sign, [over])).toBeUndefined();
});

test("answers with another tenant's data follow from a protection that is off, and from nothing that was over or judged", () => {
  const leak = (measuredAt: number) => {
    const value = { kind: 'value' as const, value: 4 };
    const sign = signIn(
      { ...bad, name: 'isolation.api.foreignRows', subject: 'clinic', measured: value, measuredAt },
      [],
    );
    if (sign === undefined || sign === 'well') throw new Error('no sign');
    return sign;
  };
  const ended: Step = { kind: 'ended', endedAt: T0 + 5_000, at: T0 + 65_000, by: null };
  const drill: Step = { kind: 'drill', drill: 'drl_1', at: T0, by: null };
  const closed: Step = { kind: 'closed', reason: 'empty', at: T0, by: 'anna' };
  const covered = (of: Assessment, at: number) => coveringOf(leak(at), [of]) !== undefined;
  expect(covered(assessment(), T0 + 60_000)).toBe(true);
  expect(covered(assessment([drill, ended]), T0 + 30_000)).toBe(true);
  expect(covered(assessment([drill, ended]), T0 + 600_000)).toBe(false);
  expect(covered(assessment(), T0 + HOUR)).toBe(false);
  expect(covered(assessment([closed]), T0 + 60_000)).toBe(false);
  expect(covered(assessment([], { tenants: ['shop'] }), T0 + 60_000)).toBe(false);
});

test('what could not be measured is no sign, neither of a loss nor of its end', () => {
  expect(signIn({ ...bad, measured: { kind: 'unknown', reason: 'refused' } }, [])).toBeUndefined();
  expect(signIn({ ...bad, measured: { kind: 'value', value: true } }, [])).toBe('well');
  expect(signIn({ ...bad, name: 'tls.protocol.lowest', measured: { kind: 'value', value: 0 } }, [])).toBeUndefined();
});

test('an outage is all requests lost for a while; silence is none, and neither is a share of them', () => {
  const outages = new Outages();
  const felt = (requests: number, failed: number) => [{ tenant: 'clinic', requests, failed }];
  outages.take(felt(10, 5), 0);
  expect(outages.lasting(0, 60_000)).toEqual([]);
  outages.take(felt(10, 10), 1_000);
  outages.take(felt(0, 0), 30_000);
  expect(outages.lasting(60_000, 60_999)).toEqual([]);
  expect(outages.lasting(60_000, 61_000)).toEqual([{ tenant: 'clinic', since: 1_000 }]);
  outages.take(felt(10, 0), 62_000);
  expect(outages.lasting(60_000, 70_000)).toEqual([]);
  expect(outages.isServed('clinic')).toBe(true);
});

test('a quarantine of a tenant takes its service, one of a kind of requests does not', () => {
  const whole = { id: 'mit_1', kind: 'quarantine', tenant: 'clinic' };
  expect(quarantineSign(whole, [], T0)).toMatchObject({ loss: 'availability', tenants: ['clinic'] });
  expect(quarantineSign({ ...whole, fingerprint: 'f' }, [], T0)).toBeUndefined();
  expect(quarantineSign({ ...whole, kind: 'throttle' }, [], T0)).toBeUndefined();
});

const decide = (choice: 'notify' | 'no-notice', scope = {}): Word => ({
  kind: 'decided',
  scope,
  choice,
  reason: 'because',
  key: 'k',
  envelope: 'e',
});

test('only what somebody decided to send is sent, and what is to be sent is not closed away', () => {
  const known = assessment([aware(T0)]);
  const now = T0 + HOUR;
  const say = (word: Word, of: Assessment) => stepOf(word, of, 'anna', now);
  const sendIt: Word = { kind: 'sent', scope: { notice: 'gdpr-art33.1' }, sentAt: now };
  expect(say(sendIt, known)).toMatchObject({ refused: expect.stringContaining('breach decide brc_1 notify') });
  expect(say({ kind: 'closed', reason: 'nothing' }, known)).toMatchObject({
    refused: expect.stringContaining('clinic gdpr-art33.1'),
  });
  expect(say({ kind: 'closed', reason: 'nothing' }, assessment())).toMatchObject({ kind: 'closed' });
  const step = say(decide('notify', { notice: 'gdpr-art33.1' }), known) as Step;
  const decided = assessment([aware(T0), step]);
  expect(clock(decided, 'gdpr-art33.1', now)).toMatchObject({ state: 'running', isToBeSent: true });
  expect(clock(decided, 'gdpr-art33.2', now).isToBeSent).toBe(false);
  const out = assessment([...decided.steps, say(sendIt, decided) as Step]);
  expect(clock(out, 'gdpr-art33.1', now + 100 * DAY).state).toBe('sent');
  const rest = say(decide('no-notice'), out) as Step;
  expect(rest).toMatchObject({ clocks: ['clinic gdpr-art33.2'] });
  expect(say({ kind: 'closed', reason: 'done' }, assessment([...out.steps, rest]))).toMatchObject({ kind: 'closed' });
  expect(say(decide('notify', { notice: 'gdpr-art99' }), known)).toMatchObject({
    refused: expect.stringContaining('gdpr-art33.1'),
  });
});

test('whatever is said in whatever order, a deadline that passed without a word of a person stays overdue', () => {
  const words = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('ended' as const), endedAt: fc.constant(T0) }),
      fc.record({ kind: fc.constant('recurred' as const) }),
      fc.record({ kind: fc.constant('classified' as const) }),
      fc.record({ kind: fc.constant('reminded' as const), clock: fc.constant('clinic gdpr-art33.1') }),
      fc.record({ kind: fc.constant('missed' as const), clock: fc.constant('clinic gdpr-art33.1') }),
    ),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(words, fc.integer({ min: 72, max: 10_000 }), (said, hours) => {
      const steps = [aware(T0), ...said.map((each): Step => ({ ...each, at: T0, by: null }))];
      expect(clock(assessment(steps), 'gdpr-art33.1', T0 + hours * HOUR).state).toBe('overdue');
    }),
  );
});
