import { expect, test } from 'vitest';
import type { TenantView } from '../diagnose/fleet-view.ts';
import { type Footprint, gate, type MoveRules } from './gate.ts';

const RULES: readonly MoveRules[] = [
  { profile: 'gdpr', residency: 'strict', needsApproval: [] },
  { profile: 'hipaa', residency: 'advisory', needsApproval: ['rollback'] },
  { profile: 'loose', residency: 'advisory', needsApproval: [] },
];

function tenant(name: string, regions: readonly string[], ...profiles: readonly string[]): TenantView {
  return {
    name,
    regions,
    profiles,
    processors: [],
    hasEmergencyAccess: false,
    dataClasses: [],
    limits: { requestsPerSecond: 1, concurrency: 1 },
    mitigations: [],
  };
}

function footprint(move: string, instances: readonly string[], tenants: readonly string[]): Footprint {
  return { move, deeds: [], tenants, after: { instances }, claims: {} };
}

const TENANTS = [
  tenant('free', ['eu']),
  tenant('strict', ['eu'], 'gdpr'),
  tenant('strict-in-two', ['eu', 'us'], 'gdpr'),
  tenant('asks', ['eu'], 'hipaa'),
  tenant('loose', ['eu'], 'loose'),
  tenant('asks-and-strict', ['eu'], 'hipaa', 'gdpr'),
  tenant('asks-and-unknown', ['eu'], 'hipaa', 'nobody-knows'),
  tenant('unknown-profile', ['eu'], 'nobody-knows'),
];

const table: readonly [move: string, regions: string[], tenants: string[], kind: string, who?: string][] = [
  ['replace', ['us'], [], 'permit'],
  ['replace', ['us'], ['free'], 'permit'],
  ['replace', ['eu'], ['strict'], 'permit'],
  ['replace', ['us'], ['strict'], 'deny', 'strict'],
  ['replace', ['us'], ['strict-in-two'], 'permit'],
  ['replace', ['ap'], ['strict-in-two'], 'deny', 'strict-in-two'],
  ['replace', ['us', 'ap'], ['strict'], 'deny', 'strict'],
  ['replace', ['eu', 'us'], ['strict'], 'permit'],
  ['throttle', [], ['strict'], 'permit'],
  ['replace', ['us'], ['loose'], 'permit'],
  ['replace', ['eu'], ['asks'], 'permit'],
  ['rollback', ['eu'], ['asks'], 'needs-approval', 'asks'],
  ['replace', ['eu'], ['unknown-profile'], 'deny', 'unknown-profile'],
  ['replace', ['eu'], ['nobody'], 'deny', 'nobody'],
  ['rollback', ['us'], ['asks', 'strict'], 'deny', 'strict'],
  ['rollback', ['eu'], ['free', 'asks', 'strict'], 'needs-approval', 'asks'],
  ['rollback', ['us'], ['asks-and-strict'], 'deny', 'asks-and-strict'],
  ['rollback', ['eu'], ['asks-and-unknown'], 'deny', 'asks-and-unknown'],
];

test.each(table)('%s in %j for %j: %s', (move, regions, tenants, kind, who) => {
  const ruling = gate(footprint(move, regions, tenants), TENANTS, RULES);
  expect(ruling.kind).toBe(kind);
  expect(ruling.tenants.find((each) => each.kind === kind && kind !== 'permit')?.tenant).toBe(who);
  expect([...ruling.permitted, ...ruling.held].toSorted()).toEqual(tenants.toSorted());
});

test('a refusal names its clause and its reason', () => {
  const denied = gate(footprint('replace', ['us'], ['strict']), TENANTS, RULES);
  expect(denied).toMatchObject({ clause: 'gdpr: residency', reason: 'strict may not be in us' });
  const asks = gate(footprint('rollback', ['eu'], ['asks']), TENANTS, RULES);
  expect(asks).toMatchObject({ clause: 'hipaa', reason: 'hipaa asks for a person before rollback' });
});
