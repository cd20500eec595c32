import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { fromIso, systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { type EvidenceKey, keyId } from '../evidence/dsse.ts';
import { RECORDS_TYPE, type Signer, signStatement } from '../evidence/signed-statement.ts';
import { createRecord } from '../heal/record.ts';
import type { Database } from '../store/database.ts';
import { RecordShelf } from './record-shelf.ts';

const NOW = fromIso('2026-11-21T09:00:00Z');
const CSV = [
  'kind,about,done,expires,owner,reference,open',
  'training,hr-4711,2026-10-01,2027-10-01,hr,course 12,',
  'access-review,clinic,2026-10-01,2027-04-01,it,minutes 7,',
  '',
].join('\n');

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});

beforeEach(async () => {
  for (const table of ['signed_record', 'outbox'] as const) await database.kysely.deleteFrom(table).execute();
});

function key(): EvidenceKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  return { privateKey, publicKey: pem, id: keyId(pem) };
}

const anna = key();

async function shelf(signers: readonly Signer[] = [{ name: 'anna', publicKey: anna.publicKey }]): Promise<RecordShelf> {
  const record = createRecord(systemClock, systemRandom);
  const clock = { ...systemClock, now: () => NOW };
  const tenants = () => [{ name: 'clinic', processors: [], dataClasses: ['health'] }];
  return new RecordShelf({
    database,
    lease: await holdLease(database),
    record,
    clock,
    tenants,
    signers: () => signers,
  });
}

const signed = (text: string, by = anna) => ({ file: 'team.csv', envelope: signStatement(RECORDS_TYPE, text, by) });

async function factsOf(records: RecordShelf): Promise<ReadonlyMap<string, unknown>> {
  const facts = await records.collector().collect(new AbortController().signal);
  return new Map(
    facts.map(({ name, subject, measured }) => [
      `${name} ${subject}`,
      'value' in measured ? measured.value : 'unknown',
    ]),
  );
}

test('a signed file becomes facts, once, and what is withdrawn is none', async () => {
  const records = await shelf();
  expect((await factsOf(records)).get('access.review.ageDays clinic')).toBe('unknown');
  expect(await records.import(signed(CSV), 'bert')).toEqual({ imported: 2, known: 0 });
  expect(await records.import(signed(CSV), 'bert')).toEqual({ imported: 0, known: 2 });
  expect((await factsOf(records)).get('access.review.ageDays clinic')).toBe(51);
  const review = (await records.list()).find(({ kind }) => kind === 'access-review');
  expect(review).toMatchObject({ signer: 'anna', importedBy: 'bert', withdrawnAt: null });
  await records.withdraw(review!.id, 'anna', 'the wrong minutes');
  expect((await factsOf(records)).get('access.review.ageDays clinic')).toBe('unknown');
  await expect(records.withdraw(review!.id, 'anna', 'again')).rejects.toMatchObject({ code: 'resource.unknown' });
});

test('the ledger is told of no person, by name or by id', async () => {
  const records = await shelf();
  await records.import(signed(CSV), 'bert');
  const rows = await database.kysely.selectFrom('outbox').select('event').execute();
  expect(rows).toHaveLength(2);
  expect(JSON.stringify(rows)).not.toContain('4711');
  expect(JSON.stringify(rows)).toContain(anna.id);
});

test('a file that is unsigned, signed by a stranger, or changed after it was signed is refused, and nothing of it is kept', async () => {
  const records = await shelf();
  await expect(records.import({ file: 'team.csv', envelope: CSV }, 'bert')).rejects.toMatchObject({
    code: 'record.invalid',
    message: expect.stringContaining('team.csv:1: it is not signed'),
  });
  await expect(records.import(signed(CSV, key()), 'bert')).rejects.toMatchObject({ code: 'signature.untrusted' });
  const nobody = await shelf([]);
  await expect(nobody.import(signed(CSV), 'bert')).rejects.toMatchObject({ code: 'signature.untrusted' });
  const { envelope } = signed(CSV);
  const { payload } = JSON.parse(envelope) as { payload: string };
  const other = Buffer.from(CSV.replace('2027-10-01', '2028-10-01')).toString('base64');
  const changed = { file: 'team.csv', envelope: envelope.replace(payload, other) };
  await expect(records.import(changed, 'bert')).rejects.toMatchObject({ code: 'signature.untrusted' });
  expect(await records.list()).toEqual([]);
});

test('one wrong line refuses the whole file, with its name, line and column', async () => {
  const records = await shelf();
  const wrong = CSV.replace('2027-04-01', '2026-11-01');
  await expect(records.import(signed(wrong), 'bert')).rejects.toMatchObject({
    code: 'record.invalid',
    message: 'team.csv:3: expires: has passed: do it again, and sign the new record',
  });
  expect(await records.list()).toEqual([]);
});
