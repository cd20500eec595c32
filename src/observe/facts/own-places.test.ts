import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { type OwnPlacesOptions, ownPlaces } from './own-places.ts';

const folder = mkdtempSync(join(tmpdir(), 'kin-places-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function measured(over: Partial<OwnPlacesOptions>) {
  const options = { tenants: () => ['clinic'], logs: [folder], keys: [folder], elsewhere: undefined, clock };
  const collector = ownPlaces({ ...options, place: () => ({ region: 'eu', processors: [] }), ...over });
  const facts = await collector.collect(new AbortController().signal);
  return Object.fromEntries(facts.map(({ name, measured: it }) => [name, it.kind === 'value' ? it.value : it.reason]));
}

test('the record and the keys of a tenant lie where the machine stands, run by whom people named', async () => {
  expect(await measured({ place: () => ({ region: 'eu', processors: ['hoster'] }) })).toEqual({
    'residency.logs': ['eu'],
    'residency.keys': ['eu'],
    'residency.processors': ['hoster'],
  });
  expect(await measured({ logs: [join(folder, 'not-yet')] })).toMatchObject({ 'residency.logs': ['eu'] });
});

test('what nobody said is unknown', async () => {
  const unsaid = expect.stringContaining('nobody said');
  expect(await measured({ place: () => undefined })).toEqual({
    'residency.logs': unsaid,
    'residency.keys': unsaid,
    'residency.processors': unsaid,
  });
  expect(await measured({ place: () => ({ region: 'eu' }) })).toMatchObject({
    'residency.logs': ['eu'],
    'residency.processors': unsaid,
  });
});

test('a record in a database elsewhere is nowhere that is known', async () => {
  const elsewhere = 'the ledger is kept by db.example, which is not this machine';
  expect(await measured({ elsewhere })).toEqual({
    'residency.logs': elsewhere,
    'residency.keys': ['eu'],
    'residency.processors': elsewhere,
  });
});
