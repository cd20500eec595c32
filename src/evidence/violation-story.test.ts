import { expect, test } from 'vitest';
import { toIso } from '../base/clock.ts';
import type { ControlStatus, IncidentRecord, RepairRecord } from './dossier.ts';
import { type MeasuredViolation, violationsOf } from './violation-story.ts';

const PERIOD = { from: toIso(10_000), to: toIso(100_000) };

function control(id: string, ...spans: readonly [ControlStatus, number, number][]) {
  return { id, spans: spans.map(([status, from, to]) => ({ status, from: toIso(from), to: toIso(to) })) };
}

function measured(id: string, goodAt: number | null, foundAt: number, healedAt: number | null): MeasuredViolation {
  const iso = (at: number | null) => (at === null ? null : toIso(at));
  const times = { goodAt: iso(goodAt), badAt: toIso(foundAt - 10), foundAt: toIso(foundAt), healedAt: iso(healedAt) };
  return { control: id, ...times };
}

const REPAIR: RepairRecord = {
  id: 'rep_1',
  moves: ['reenable'],
  startedAt: toIso(20_050),
  appliedAt: toIso(20_100),
  verifiedAt: toIso(21_000),
  endedAt: toIso(21_000),
  outcome: 'healed',
  approvedBy: [],
};

function incident(id: string, more: Partial<IncidentRecord>): IncidentRecord {
  const times = { detectedAt: toIso(20_000), openedAt: toIso(20_000), closedAt: toIso(21_000) };
  const rest = { outcome: 'healed', refusal: null, otherTenants: 0, entries: [], entriesWithheld: 0 };
  return {
    id,
    cause: 'compliance',
    subject: '',
    summary: '',
    ...times,
    ...rest,
    violates: [],
    repairs: [],
    ...more,
  };
}

test('a violation is told by what was measured, and answered by the incident that names its control', () => {
  const told = violationsOf(
    [control('c1', ['satisfied', 10_000, 20_000], ['not-satisfied', 20_000, 20_500], ['satisfied', 20_500, 100_000])],
    [measured('c1', 19_000, 20_000, 20_500), measured('of-another-framework', null, 20_000, null)],
    [incident('inc_1', {}), incident('inc_2', { violates: ['c1'], repairs: [REPAIR] })],
    PERIOD,
  );
  expect(told).toMatchObject([
    {
      control: 'c1',
      goodAt: toIso(19_000),
      foundAt: toIso(20_000),
      containedAt: toIso(20_100),
      healedAt: toIso(20_500),
      verifiedAt: toIso(21_000),
      incident: 'inc_2',
      repair: 'rep_1',
      to: toIso(20_500),
    },
  ]);
});

test('what the ledger alone tells is told as well, and what is interrupted by not knowing is one violation', () => {
  const told = violationsOf(
    [
      control('c1', ['not-satisfied', 20_000, 30_000], ['unknown', 30_000, 40_000], ['not-satisfied', 40_000, 100_000]),
      control('c2', ['not-satisfied', 15_000, 15_100], ['satisfied', 15_100, 100_000]),
    ],
    [measured('c1', null, 20_000, null)],
    [],
    PERIOD,
  );
  expect(told.map(({ control: id, from, to, healedAt }) => [id, from, to, healedAt])).toEqual([
    ['c2', toIso(15_000), toIso(15_100), toIso(15_100)],
    ['c1', toIso(20_000), null, null],
  ]);
});

test('a repair that did not heal contains nothing, and what was healed after the period is not told as healed', () => {
  const repairs = [{ ...REPAIR, outcome: 'unwound', verifiedAt: null }];
  const open = incident('inc_1', { violates: ['c1'], repairs, closedAt: null });
  const [told] = violationsOf([control('c1')], [measured('c1', 5_000, 6_000, 200_000)], [open], PERIOD);
  expect(told).toMatchObject({ from: PERIOD.from, to: null, healedAt: null, containedAt: null, repair: 'rep_1' });
});

test('a refusal is told where nothing was done', () => {
  const refused = incident('inc_1', { violates: ['c1'], refusal: 'regulation: gdpr Art. 44' });
  const [told] = violationsOf([control('c1')], [measured('c1', 19_000, 20_000, null)], [refused], PERIOD);
  expect(told).toMatchObject({ incident: 'inc_1', repair: null, refusal: 'regulation: gdpr Art. 44' });
});

test('what was bad from the first look on is answered by no incident that merely happened, what was healed at once may be', () => {
  const other = incident('inc_1', { cause: 'instance-died' });
  const own = incident('inc_2', { cause: 'protection' });
  const answers = (goodAt: number | null, ...incidents: IncidentRecord[]) =>
    violationsOf([control('c1')], [measured('c1', goodAt, 20_000, 20_500)], incidents, PERIOD)[0]?.incident;
  expect([answers(null, other, own), answers(19_000, other), answers(19_000, other, own)]).toEqual([
    null,
    null,
    'inc_2',
  ]);
});
