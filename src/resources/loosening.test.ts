import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loosenings } from './loosening.ts';
import { parseManifests } from './manifest.ts';
import type { Resource } from './resource.ts';

const text = readFileSync(new URL('../../examples/clinic/stack.yaml', import.meta.url), 'utf8');

function named(name: string, changes: Readonly<Record<string, string>> = {}): Resource {
  let changed = text;
  for (const [from, to] of Object.entries(changes)) {
    expect(changed).toContain(from);
    changed = changed.replaceAll(from, to);
  }
  const source = { file: 'stack.yaml', folder: '.', text: changed };
  return parseManifests([source]).resources.find(({ resource }) => resource.metadata.name === name)!.resource;
}

const changedBy = (name: string, changes: Readonly<Record<string, string>>) =>
  loosenings(named(name), named(name, changes));

test.each([
  ['clinic-de', { 'profiles: [gdpr]': 'profiles: []' }, ['it no longer lives under gdpr']],
  ['clinic-de', { 'audit: required': '' }, ['its requests are served also when they cannot be recorded']],
  [
    'clinic-de',
    { 'profiles: [gdpr]\n  regions: [eu]': 'profiles: [gdpr]\n  regions: [eu, us]\n  processors: [hoster]' },
    ['it may be in one more region: us', 'one more processor may hold its data: hoster'],
  ],
  [
    'records',
    { 'protections: [row-level-security]': 'operators: [reports]' },
    [
      'no longer a protection of the store records: row-level-security',
      'one more may reach the rows of the store records: reports',
    ],
  ],
  [
    'records',
    { 'tables: [records, idempotency_keys]': 'tables: [records]' },
    ['fewer tables of the store records are protected'],
  ],
  ['records', { 'isolationTrial:': 'cardTrial:' }, ['its isolationTrial is made no more']],
  [
    'payments',
    {
      'privileges: [SELECT, INSERT]': 'privileges: [SELECT, INSERT, DELETE]',
      'name: payments\n      kind': 'name: payments\n      kind',
    },
    ['one more privilege of the store payments: DELETE'],
  ],
])('%s is loosened by what takes something away', (name, changes, expected) => {
  expect(changedBy(name, changes)).toEqual(expected);
});

test('what tightens, what is new and what is the same loosens nothing', () => {
  expect(changedBy('clinic-de', { 'profiles: [gdpr]': 'profiles: [gdpr, hipaa]' })).toEqual([]);
  expect(changedBy('shop', { 'requestsPerSecond: 600': 'requestsPerSecond: 900' })).toEqual([]);
  expect(changedBy('records', { 'tables: [records, idempotency_keys]': '' })).toEqual([]);
  expect(loosenings(undefined, named('shop'))).toEqual([]);
});
