import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/base/json.ts';
import type { LedgerEvent } from '../../../src/ledger/entry.ts';
import { FORMS, type FormName } from '../../../src/ledger/forms/form.ts';
import { isKnownType } from '../../../src/ledger/forms/reading.ts';
import { projectFiles, readProjectFile } from '../../tidy/checkout.ts';
import { sampleEvents } from './events.ts';
import { cloudEventComplaints, type Complaints, ecsComplaints, ocsfComplaints } from './required.ts';

const CHECKS: Readonly<Record<FormName, (record: JsonObject) => Complaints>> = {
  ocsf: ocsfComplaints,
  ecs: ecsComplaints,
  cloudevents: cloudEventComplaints,
};
const PROVENANCE = { origin: 'kintsugi.dev/ledger/0123456789abcdef', version: '0.1.0' };

const exported = (form: FormName, events: readonly LedgerEvent[]) =>
  events.map((event, index) => FORMS[form]({ index, event }, PROVENANCE));

/** Events of the known types with whatever data, and of types that nobody knows. */
const anyEvent = fc.record({
  id: fc.uuid(),
  at: fc
    .date({ min: new Date('2020-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  type: fc.oneof(fc.constantFrom(...sampleEvents().map(({ type }) => type)), fc.constant('never.heard-of')),
  class: fc.constantFrom(6003, 2004, 2005, 7001, 6002, 3004, 5019, 2003, 6005, 1, 0),
  actor: fc.record({ kind: fc.constantFrom('system', 'operator', 'tenant'), name: fc.string({ minLength: 1 }) }),
  subject: fc.string({ minLength: 1 }),
  data: fc.dictionary(
    fc.constantFrom('method', 'route', 'status', 'outcome', 'result', 'cause', 'instance', 'requestId', 'durationMs'),
    fc.oneof(fc.string(), fc.nat(), fc.constant(null), fc.constant({ outcome: 'healed' }), fc.constant([1])),
  ),
}) as fc.Arbitrary<LedgerEvent>;

describe.each(Object.keys(FORMS) as FormName[])('as %s', (form) => {
  test('each event that the record holds has all that the schema requires', () => {
    for (const record of exported(form, sampleEvents()))
      expect(CHECKS[form](record), JSON.stringify(record)).toEqual([]);
  });

  test('so has any other event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(CHECKS[form](exported(form, [event])[0]!)).toEqual([]);
      }),
    );
  });

  test('the records are those of the golden file', async () => {
    const lines = exported(form, sampleEvents()).map((record) => `${JSON.stringify(record)}\n`);
    await expect(lines.join('')).toMatchFileSnapshot(join(import.meta.dirname, `../../golden/forms/${form}.ndjson`));
  });

  test('the table finds each attribute that is taken away, and no two events look alike', () => {
    const records = exported(form, sampleEvents());
    expect(new Set(records.map((record) => JSON.stringify(record))).size).toBe(records.length);
    const required = {
      ocsf: ['time', 'class_uid', 'metadata'],
      ecs: ['@timestamp', 'ecs'],
      cloudevents: ['id', 'type'],
    };
    for (const name of required[form]) {
      const { [name]: _, ...rest } = records[0]!;
      expect(CHECKS[form](rest), name).not.toEqual([]);
    }
  });
});

test('the class of an event is the one that OCSF has for it', () => {
  const classes = Object.fromEntries(
    exported('ocsf', sampleEvents()).map((record) => [record['activity_name'], record['class_uid']]),
  );
  expect(classes).toMatchObject({
    'request.served': 6003,
    'records.lost': 2004,
    'incident.opened': 2005,
    'repair.applied': 7001,
    'resource.changed': 3004,
    'rollout.instance-starting': 6002,
    'retention.pruned': 6005,
    'finding.opened': 2003,
    'something.else': 0,
  });
});

test('the table asks for what a class requires beyond the base event', () => {
  const of = (type: string) => exported('ocsf', sampleEvents()).find((record) => record['activity_name'] === type)!;
  const without = (type: string, name: string) => {
    const { [name]: _, ...rest } = of(type);
    return ocsfComplaints(rest);
  };
  expect(without('request.served', 'src_endpoint')).toEqual(['src_endpoint: required']);
  expect(without('incident.opened', 'assignee')).toEqual([': at least one of assignee, assignee_group']);
  expect(without('repair.applied', 'command_uid')).toEqual(['command_uid: required']);
  expect(without('retention.pruned', 'databucket')).toEqual([': at least one of database, databucket, table']);
  expect(without('finding.opened', 'compliance')).toEqual(['compliance: required']);
});

test('every type that the sources write has a rule of its own', () => {
  const written = projectFiles()
    .filter((path) => path.startsWith('src/') && path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .flatMap((path) => writtenTypes(readProjectFile(path)));
  expect(written.length).toBeGreaterThan(12);
  expect(written).toContain('request.served');
  expect(written.filter((type) => !isKnownType(type))).toEqual([]);
});

/** Types in calls of `record` and in literals of events; of a type that is put together, its beginning with anything. */
function writtenTypes(source: string): string[] {
  const calls = [...source.matchAll(/\brecord\(\s*tx,\s*(?:\w+ \? )?['`]([a-z.-]+)(\$\{)?/g)];
  const literals = [...source.matchAll(/\btype: '([a-z-]+\.[a-z.-]+)'/g), ...source.matchAll(/#event\('([a-z.-]+)'/g)];
  return [...calls, ...literals].map(([, type = '', isPart]) => (isPart === undefined ? type : `${type}anything`));
}
