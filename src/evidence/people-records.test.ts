import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromIso } from '../base/clock.ts';
import { isProblems, readRecords, type RecordProblem } from './people-records.ts';
import { recordFacts } from './people-record-facts.ts';

const NOW = fromIso('2026-11-21T09:00:00Z');
const SCOPE = { now: NOW, tenants: ['clinic-de', 'shop'], drills: ['drl_1'] };
const HEADER = 'kind,about,done,expires,owner,reference,open';

function read(...lines: readonly string[]) {
  return readRecords([HEADER, ...lines, ''].join('\n'), SCOPE);
}

/** `line column: message` of each. */
function wrong(...lines: readonly string[]): readonly string[] {
  const found = read(...lines);
  if (!isProblems(found)) throw new Error('it was accepted');
  return found.map(({ line, column, message }: RecordProblem) => `${line} ${column}: ${message}`);
}

test('each line that is wrong is named with its column and what would be right', () => {
  expect(
    wrong(
      'training,hr-4711,2026-10-01,2027-10-01,hr,course 12,',
      'trainning,hr-4711,2026-10-01,2027-10-01,hr,course 12,',
      'training,Anna Meier,2026-10-01,2027-10-01,hr,course 12,',
      'access-review,clinic-dd,2026-10-01,2027-10-01,it,minutes 7,',
      'penetration-test,shop,2026-10-01,2027-10-01,it,report 3,',
      'policy,platform,2026-02-31,2027-10-01,it,policy 3,',
      'policy,platform,2026-12-01,2027-10-01,it,policy 3,',
      'policy,platform,2025-01-01,2026-11-21,it,policy 3,',
      'policy,platform,2026-01-01,2040-01-01,it,policy 3,',
      'policy,platform,2026-01-01,2027-01-01,,policy 3,',
      'internal-scan,platform,2026-11-01,2027-02-01,it,scan 9,',
      'policy,platform,2026-01-01,2027-01-01,it,policy 3,4',
    ),
  ).toEqual([
    '3 kind: there is no kind trainning; did you mean `training`?',
    '4 about: must be an id of yours with a number in it, such as hr-4711: no name, no address',
    '5 about: there is no tenant clinic-dd; did you mean `clinic-de`?',
    '6 about: must be `platform`: a penetration-test is about all of it',
    '7 done: must be a day such as 2026-11-21',
    '8 done: lies in the future',
    '9 expires: has passed: do it again, and sign the new record',
    '10 expires: is more than six years after it was done',
    '11 owner: is empty',
    '12 open: must say how many high and critical findings are open',
    '13 open: is only for scans: how many findings are open',
  ]);
});

test('an attestation of a drill cites its record or its run, and never a runbook', () => {
  const cite = (reference: string) => read(`drill-attestation,platform,2026-11-01,2027-02-01,it,${reference},`);
  expect(isProblems(cite('drl_1'))).toBe(false);
  expect(isProblems(cite('https://ci.example.org/runs/4711'))).toBe(false);
  for (const reference of [
    'https://wiki.example.org/runbook/7',
    'docs/failover-runbook.md',
    'drl_2',
    'https://ci.example.org/runs',
    'http://ci.example.org/runs/1',
    'we did it',
  ])
    expect([reference, isProblems(cite(reference))]).toEqual([reference, true]);
});

test('quoted fields, a mark of the byte order and lines of Windows are read; other columns are not', () => {
  const text = `\uFEFF${HEADER}\r\n"policy","platform",2026-01-01,2027-01-01,"it, security","policy ""3""",\r\n`;
  expect(readRecords(text, SCOPE)).toMatchObject([{ owner: 'it, security', reference: 'policy "3"' }]);
  expect(readRecords('kind,about\npolicy,platform\n', SCOPE)).toMatchObject([{ line: 1, column: 'done' }]);
  expect(readRecords(`${HEADER},name\n`, SCOPE)).toMatchObject([{ line: 1, column: 'name' }]);
  expect(readRecords('', SCOPE)).toMatchObject([{ line: 1 }]);
});

test('whatever stands in a file, it is accepted or refused with a line, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.boolean(), (text, withHeader) => {
      const found = readRecords(withHeader ? `${HEADER}\n${text}` : text, SCOPE);
      expect(found.length).toBeGreaterThan(0);
      if (isProblems(found)) expect(found.every(({ line }) => line >= 1)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('what is on record is a fact until it expires, and then unknown with the reason', () => {
  const tenants = [
    { name: 'clinic-de', processors: ['Example Hosting', 'Example Mail'], dataClasses: ['health'] },
    { name: 'shop', processors: [], dataClasses: ['payment'] },
  ];
  const records = read(
    'training,hr-4711,2026-10-21,2027-10-21,hr,course 12,',
    'training,hr-4711,2025-10-21,2026-12-01,hr,course 11,',
    'agreement,Example Hosting,2026-01-01,2027-01-01,legal,contract 5,',
    'impact-assessment,clinic-de,2026-01-01,2027-01-01,dpo,DPIA 2,',
    'internal-scan,platform,2026-11-11,2027-02-01,it,scan 9,3',
  );
  if (isProblems(records)) throw new Error(JSON.stringify(records));
  const at = (now: number) => {
    const facts = recordFacts(records, tenants, now);
    return (name: string, subject: string) =>
      facts.find((each) => each.name === name && each.subject === subject)?.measured;
  };
  const today = at(NOW);
  expect(today('record.training.ageDays', 'hr-4711')).toEqual({ kind: 'value', value: 31 });
  expect(today('record.agreements.missing', 'clinic-de')).toEqual({ kind: 'value', value: 1 });
  expect(today('record.agreements.missing', 'shop')).toEqual({ kind: 'value', value: 0 });
  expect(today('record.impactAssessment.missing', 'clinic-de')).toEqual({ kind: 'value', value: false });
  expect(today('record.impactAssessment.missing', 'shop')).toMatchObject({ kind: 'unknown' });
  expect(today('record.scan.internal.open', 'fleet')).toEqual({ kind: 'value', value: 3 });
  expect(today('record.penetration.ageDays', 'fleet')).toMatchObject({
    reason: expect.stringContaining('record import'),
  });
  const later = at(fromIso('2028-01-01T00:00:00Z'));
  expect(later('record.training.ageDays', 'hr-4711')).toMatchObject({ reason: expect.stringContaining('2027-10-21') });
  expect(later('record.agreements.missing', 'clinic-de')).toEqual({ kind: 'value', value: 2 });
  expect(later('record.impactAssessment.missing', 'clinic-de')).toEqual({ kind: 'value', value: true });
});
