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
  expect(incidents[0]?.entries).toHaveLength(6);
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
  const { turns, incidents } = read(
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
    ['incident.opened', 'inc_1', 39_500, opened('workload a', '')],
  );
  expect([...turns.keys()]).toEqual(['c1', 'c2']);
  expect(turns.get('c1')).toMatchObject({ turns: [{ at: 5_000 }, { at: 39_000, to: 'not-satisfied' }] });
  expect(turns.get('c1')?.entries).toHaveLength(1);
  expect(incidents[0]?.controls).toEqual(['c1']);
});
