import { expect, test } from 'vitest';
import { toIso } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import { StoryReader, TURNED } from './story.ts';

const SCOPE = {
  tenant: 'clinic',
  framework: 'gdpr',
  tenants: ['clinic', 'clinic-de', 'shop'],
  from: 10_000,
  to: 100_000,
};
let number = 0;

function read(...events: readonly [type: string, subject: string, atMs: number, data: JsonObject, tenant?: string][]) {
  const reader = new StoryReader(SCOPE);
  for (const [type, subject, atMs, data, tenant] of events) {
    number += 1;
    const actor = { kind: 'system', name: 'control' } as const;
    const own = tenant === undefined ? {} : { tenant };
    reader.take({ id: `evt_${number}`, at: toIso(atMs), type, class: 0, actor, subject, data, ...own });
  }
  return reader.done();
}

const opened = (subject: string, summary: string): JsonObject => ({
  cause: 'protection',
  subject,
  summary,
  evidence: [],
});
const plan = (tenants: string[]): JsonObject => ({ incident: 'inc_1', steps: [{ move: 'reenable', tenants }] });

test('an incident is told from its first entry to its last, with who approved and how it ended', () => {
  const { incidents } = read(
    ['incident.opened', 'inc_1', 20_000, opened('setting records/rls', 'protection of records is off')],
    ['plan.made', 'pln_1', 20_100, plan(['clinic', 'shop'])],
    ['repair.opened', 'rep_1', 20_200, { incident: 'inc_1', plan: 'pln_1' }],
    ['repair.approved', 'rep_1', 20_300, { incident: 'inc_1', by: 'anna' }],
    ['repair.ended', 'rep_1', 23_000, { incident: 'inc_1', outcome: 'healed' }],
    ['incident.closed', 'inc_1', 23_100, { outcome: 'healed' }],
  );
  expect(incidents).toMatchObject([
    {
      id: 'inc_1',
      openedAt: toIso(20_000),
      closedAt: toIso(23_100),
      outcome: 'healed',
      otherTenants: 1,
      repairs: [
        { id: 'rep_1', moves: ['reenable'], startedAt: toIso(20_200), endedAt: toIso(23_000), approvedBy: ['anna'] },
      ],
    },
  ]);
  // The plan names another tenant.
  expect(incidents[0]).toMatchObject({ entries: { length: 5 }, entriesWithheld: 1 });
});

test('what is about another tenant alone is not told, and no name of another tenant is', () => {
  const { incidents } = read(
    ['incident.opened', 'inc_1', 20_000, opened('tenant shop', 'shop drowns clinic-de and clinic')],
    ['incident.opened', 'inc_2', 21_000, opened('tenant shop', 'shop is too slow')],
    ['incident.opened', 'inc_3', 22_000, opened('setting tenant/clinic-de/PAGE', 'PAGE of clinic-de changed')],
    ['incident.opened', 'inc_4', 23_000, opened('workload records', 'records of shop-old and clinic fail')],
  );
  expect(incidents.map(({ id, subject, summary }) => [id, subject, summary])).toEqual([
    ['inc_1', 'tenant another tenant', 'another tenant drowns another tenant and clinic'],
    ['inc_4', 'workload records', 'records of shop-old and clinic fail'],
  ]);
});

test('what is violated for others alone is their business', () => {
  const told = 'surplus grants; violates gdpr Art. 32(1)(b), 5(1)(f) (clinic, shop); pci-dss-4.0.1 A1.1.2 (shop)';
  const others = 'surplus grants; violates pci-dss-4.0.1 7.3.3 (shop)';
  const { incidents } = read(
    ['incident.opened', 'inc_1', 20_000, opened('grant records_app', told)],
    ['incident.opened', 'inc_2', 21_000, opened('grant payments_app', others)],
  );
  expect(incidents.map(({ summary }) => summary)).toEqual([
    'surplus grants; violates gdpr Art. 32(1)(b), 5(1)(f) (clinic, another tenant)',
    'surplus grants',
  ]);
});

test('a refusal is told with its guards, and an incident that is still open has no end', () => {
  const { incidents } = read(
    ['incident.opened', 'inc_1', 20_000, opened('workload records', 'records is gone')],
    ['repair.refused', 'inc_1', 20_500, { guards: [{ guard: 'stop', reason: 'somebody pressed it' }] }],
  );
  expect(incidents).toMatchObject([{ refusal: 'stop: somebody pressed it', closedAt: null, outcome: null }]);
});

test('incidents before and after the period are left out, those that reach into it are not', () => {
  const { incidents } = read(
    ['incident.opened', 'inc_1', 1_000, opened('workload a', '')],
    ['incident.closed', 'inc_1', 2_000, { outcome: 'recovered' }],
    ['incident.opened', 'inc_2', 3_000, opened('workload a', '')],
    ['incident.closed', 'inc_2', 30_000, { outcome: 'healed' }],
    ['incident.opened', 'inc_3', 200_000, opened('workload a', '')],
  );
  expect(incidents.map(({ id }) => id)).toEqual(['inc_2']);
});

test('turns are of the tenant and the framework, those before the period say how it begins', () => {
  const { turns } = read(
    [TURNED, 'clinic', 5_000, { framework: 'gdpr', turns: [['c1', 'satisfied', 5_000]] }, 'clinic'],
    [
      TURNED,
      'clinic',
      40_000,
      {
        framework: 'gdpr',
        turns: [
          ['c1', 'not-satisfied', 39_000],
          ['c2', 'unknown', 40_000],
        ],
      },
      'clinic',
    ],
    [TURNED, 'clinic', 41_000, { framework: 'hipaa', turns: [['c1', 'satisfied', 41_000]] }, 'clinic'],
    [TURNED, 'shop', 41_000, { framework: 'gdpr', turns: [['c1', 'satisfied', 41_000]] }, 'shop'],
  );
  expect([...turns.keys()]).toEqual(['c1', 'c2']);
  expect(turns.get('c1')).toMatchObject({ turns: [{ at: 5_000 }, { at: 39_000, to: 'not-satisfied' }] });
  expect(turns.get('c1')?.entries).toHaveLength(1);
});

const refusedBy = (reason: string): JsonObject => ({ guards: [{ guard: 'regulation', reason }] });

test('what the gate refused is told with its clause, and only where it is the law of the tenant', () => {
  const { refusals } = read(
    ['incident.opened', 'inc_1', 20_000, opened('workload records', 'region eu is lost')],
    ['repair.refused', 'inc_1', 20_500, refusedBy('gdpr Art. 44: clinic may not be in us')],
    ['repair.refused', 'inc_1', 20_600, refusedBy('hipaa 164.308(b)(1): shop may not be in us')],
    ['repair.denied', 'rep_1', 21_000, { incident: 'inc_1', guard: 'regulation', reason: 'gdpr Art. 28(2): no' }],
    ['repair.denied', 'rep_1', 21_500, { incident: 'inc_1', guard: 'stop', reason: 'stopped' }],
    ['repair.refused', 'inc_1', 200_000, refusedBy('gdpr Art. 44: clinic may not be in us')],
  );
  expect(refusals.map(({ reason }) => reason)).toEqual([
    'gdpr Art. 44: clinic may not be in us',
    'gdpr Art. 28(2): no',
  ]);
});

test('for whom the gate said no stands beside the reason, and counts before its words', () => {
  const by = (reason: string, ...tenants: readonly string[]): JsonObject => {
    return { tenants: [...tenants], guards: [{ guard: 'regulation', reason, tenants: [...tenants] }] };
  };
  const { refusals } = read(
    ['incident.opened', 'inc_1', 20_000, opened('workload records', 'region eu is lost')],
    ['repair.refused', 'inc_1', 20_500, by('gdpr Art. 44: not permitted there', 'clinic', 'shop')],
    ['repair.refused', 'inc_1', 20_600, by('gdpr Art. 44: as for clinic', 'shop')],
  );
  expect(refusals.map(({ reason }) => reason)).toEqual(['gdpr Art. 44: not permitted there']);
});

test('a loss is told by its times and notices, and nothing that a person wrote', () => {
  const { losses } = read(
    ['breach.opened', 'brc_1', 20_000, { loss: 'confidentiality', what: 'rows of shop', clocks: ['c33'] }, 'clinic'],
    ['breach.opened', 'brc_1', 20_000, { loss: 'confidentiality', what: 'rows', clocks: ['c33'] }, 'shop'],
    ['breach.drill', 'brc_1', 20_500, { drill: 'drl_1' }, 'clinic'],
    ['breach.aware', 'brc_1', 21_000, { awareAt: toIso(20_900), isReal: true }, 'clinic'],
    ['breach.decided', 'brc_1', 22_000, { choice: 'notify', reason: 'Ms Miller said so', clocks: ['c33'] }, 'clinic'],
    ['breach.missed', 'brc_1', 23_000, { clocks: ['c33'] }, 'clinic'],
    ['breach.sent', 'brc_1', 24_000, { sentAt: toIso(23_900), clocks: ['c33'] }, 'clinic'],
    ['breach.ended', 'brc_1', 25_000, { endedAt: toIso(20_950) }, 'clinic'],
    ['breach.recurred', 'brc_1', 26_000, {}, 'clinic'],
    ['breach.opened', 'brc_2', 200_000, { loss: 'integrity', what: 'later' }, 'clinic'],
  );
  const times = { decidedAt: toIso(22_000), sentAt: toIso(23_900), missedAt: toIso(23_000) };
  expect(losses).toMatchObject([
    {
      id: 'brc_1',
      what: 'rows of another tenant',
      awareAt: toIso(20_900),
      endedAt: null,
      drill: null,
      notices: [{ control: 'c33', choice: 'notify', ...times }],
    },
  ]);
  expect(losses[0]?.entries).toHaveLength(8);
  expect(JSON.stringify(losses)).not.toContain('Miller');
});

test('a drill is told with who took part, and its entry is not given away when it names others', () => {
  const result = { outcome: 'healed', detectedMs: 40, closedMs: 2_000, dataLostMs: 300 };
  const drill = { fault: 'kill', target: 'records', startedAt: toIso(20_000), participants: ['anna', 'bert'] };
  const { drills } = read(
    ['drill.ended', 'drl_1', 22_000, { ...drill, result }],
    ['drill.ended', 'drl_2', 23_000, { ...drill, target: 'shop', result: { outcome: 'healed' } }],
  );
  expect(drills).toMatchObject([
    { participants: ['anna', 'bert'], recoveredAfterMs: 2_000, dataLostMs: 300, entry: expect.any(String) },
    { scenario: 'kill on another tenant', recoveredAfterMs: null, dataLostMs: null, entry: null },
  ]);
});
