import { describe, expect, test } from 'vitest';
import { AT } from '../../test/sim/fleet-views.ts';
import { diagnosisOf } from '../../test/sim/plans.ts';
import { seen } from '../../test/sim/symptoms.ts';
import type { SymptomName } from '../detect/symptom.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Cause } from '../resources/playbook.ts';
import { Kinship } from './kinship.ts';
import type { Incident } from './memory.ts';

/** `chat-0-b` is the second that is in slot `chat-0`. */
const slotOf = (instance: string) => instance.slice(0, -2);

function sick(instance: string, name: SymptomName, since: number, cause: Cause = 'instance-degraded'): Diagnosis {
  const subject = { kind: 'instance' as const, name: instance, workload: instance.split('-')[0]!, version: 1 };
  return diagnosisOf(cause, subject, { evidence: [seen(name, subject, {}, { since })] });
}

function setting(since: number, workload = 'chat'): Diagnosis {
  const subject = { kind: 'setting' as const, name: `${workload}/RULES` };
  const felt = seen('crash-loop', { kind: 'version', name: `${workload}@1`, workload, version: 1 }, {}, { since });
  return diagnosisOf('configuration', subject, { workload, evidence: [felt], explains: ['tenant-errors tenant shop'] });
}

function incident(id: string, diagnosis: Diagnosis, belongsTo?: string): Incident {
  const body = { diagnosis, detectedAt: '', refusal: null, ...(belongsTo === undefined ? {} : { belongsTo }) };
  return { id, key: diagnosis.key, state: 'open', outcome: null, openedAt: '', closedAt: null, body };
}

/** Who knows of these, each open until the given time. */
function knowing(...all: readonly (readonly [string, Diagnosis, number])[]): Kinship {
  const kinship = new Kinship(slotOf);
  for (const [id, diagnosis, at] of all) kinship.note(incident(id, diagnosis), diagnosis, at);
  return kinship;
}

describe('an incident belongs to an earlier one', () => {
  test('when it came back within ten minutes, under its own name or in its successor with the same', () => {
    const known = knowing(['inc_1', sick('chat-0-a', 'instance-errors', AT), AT]);
    const again = sick('chat-0-a', 'hung', AT + 300_000);
    const successor = (name: SymptomName) => sick('chat-0-b', name, AT + 300_000);
    expect(known.rootOf(again, AT + 300_000)).toBe('inc_1');
    expect(known.rootOf(successor('instance-errors'), AT + 300_000)).toBe('inc_1');
    expect(known.rootOf(successor('hung'), AT + 300_000)).toBeUndefined();
    expect(known.rootOf(sick('chat-1-a', 'instance-errors', AT + 300_000), AT + 300_000)).toBeUndefined();
    expect(known.rootOf(successor('instance-errors'), AT + 600_001)).toBeUndefined();
  });

  test('and what belongs to that one belongs to the first, for as long as it goes on', () => {
    const kinship = knowing(['inc_1', sick('chat-0-a', 'hung', AT), AT]);
    const second = sick('chat-0-b', 'hung', AT + 400_000);
    kinship.note(incident('inc_2', second, 'inc_1'), second, AT + 400_000);
    expect(kinship.rootOf(sick('chat-0-c', 'hung', AT + 900_000), AT + 900_000)).toBe('inc_1');
  });

  test('when it is a successor that did not come up', () => {
    const known = knowing(['inc_1', sick('chat-0-a', 'instance-errors', AT), AT]);
    expect(known.rootOf(sick('chat-0-b', 'start-failed', AT + 30_000), AT + 30_000)).toBe('inc_1');
    expect(known.rootOf(sick('chat-1-b', 'start-failed', AT + 30_000), AT + 30_000)).toBeUndefined();
  });

  test('when instances fell over in the same way at one moment', () => {
    const known = knowing(['inc_1', sick('chat-0-a', 'exited', AT, 'instance-died'), AT]);
    expect(known.rootOf(sick('shop-1-a', 'exited', AT + 1_000, 'instance-died'), AT + 1_000)).toBe('inc_1');
    expect(known.rootOf(sick('shop-1-a', 'hung', AT + 1_000), AT + 1_000)).toBeUndefined();
    expect(known.rootOf(sick('shop-1-a', 'exited', AT + 9_000), AT + 9_000)).toBeUndefined();
  });

  test('when an instance fell over with something larger where it is, whichever was seen first', () => {
    const known = knowing(['inc_1', setting(AT), AT + 90_000]);
    expect(known.rootOf(sick('chat-0-a', 'exited', AT + 30_000), AT + 90_000)).toBe('inc_1');
    expect(known.rootOf(sick('chat-0-a', 'exited', AT + 70_000), AT + 90_000)).toBeUndefined();
    expect(known.rootOf(sick('shop-0-a', 'exited', AT + 30_000), AT + 90_000)).toBeUndefined();
    expect(known.rootOf(sick('chat-0-a', 'instance-errors', AT + 30_000), AT + 90_000)).toBeUndefined();
    const before = knowing(['inc_1', sick('chat-0-a', 'exited', AT), AT + 4_000]);
    expect(before.rootOf(setting(AT + 12_000), AT + 15_000)).toBe('inc_1');
    expect(before.rootOf(setting(AT + 12_000, 'shop'), AT + 15_000)).toBeUndefined();
  });

  test('when that one explained all that it shows, a moment ago', () => {
    const known = knowing(['inc_1', setting(AT), AT]);
    const subject = { kind: 'tenant' as const, name: 'shop' };
    const tenant = diagnosisOf('tenant', subject, { evidence: [seen('tenant-errors', subject)] });
    expect(known.rootOf(tenant, AT + 50_000)).toBe('inc_1');
    expect(known.rootOf(tenant, AT + 70_000)).toBeUndefined();
    expect(known.rootOf({ ...tenant, evidence: [] }, AT + 50_000)).toBeUndefined();
  });

  test('when it cannot be told why, and what is wrong there was known', () => {
    const known = knowing(['inc_1', sick('chat-0-a', 'exited', AT), AT + 5_000]);
    const subject = { kind: 'version' as const, name: 'chat@1', workload: 'chat', version: 1 };
    const loop = (since: number) =>
      diagnosisOf('unknown', subject, { evidence: [seen('crash-loop', subject, {}, { since })] });
    expect(known.rootOf(loop(AT + 9_000), AT + 9_000)).toBe('inc_1');
    expect(known.rootOf(loop(AT + 99_000), AT + 99_000)).toBeUndefined();
    const other = sick('chat-1-a', 'hung', AT + 9_000);
    expect(known.rootOf(other, AT + 9_000)).toBeUndefined();
    expect(known.rootOf({ ...other, cause: 'unknown' }, AT + 9_000)).toBe('inc_1');
  });
});

test('what is measured of one store is another cause with each fact, and no cause of what falls over', () => {
  const subject = { kind: 'asset', name: 'store postgresql/chat/eu' } as const;
  const violated = (name: SymptomName, since: number) =>
    diagnosisOf('compliance', subject, { workload: 'chat', evidence: [seen(name, subject, {}, { since })] });
  const known = knowing(['inc_1', violated('fact-rls.enabled', AT), AT]);
  expect(known.rootOf(violated('fact-rls.enabled', AT + 60_000), AT + 60_000)).toBe('inc_1');
  expect(known.rootOf(violated('fact-rls.views.bypassing', AT + 60_000), AT + 60_000)).toBeUndefined();
  expect(known.rootOf(sick('chat-0-a', 'exited', AT + 1_000), AT + 1_000)).toBeUndefined();
});

test('of several that it could belong to it is the nearest in time', () => {
  const known = knowing(
    ['inc_1', sick('chat-0-a', 'exited', AT), AT + 1_000],
    ['inc_2', setting(AT + 300_000), AT + 300_000],
  );
  expect(known.rootOf(sick('chat-0-b', 'exited', AT + 300_000), AT + 300_000)).toBe('inc_2');
});

test('what was long ago is forgotten, and no more than a thousand are remembered', () => {
  const kinship = knowing(['inc_1', sick('chat-0-a', 'hung', AT), AT]);
  for (let i = 0; i < 2_000; i++) {
    const other = sick(`shop-${i}-a`, 'leak', AT + 10 * i);
    kinship.note(incident(`inc_s${i}`, other), other, AT);
    kinship.forget(AT);
  }
  expect(kinship.rootOf(sick('chat-0-b', 'hung', AT + 100_000), AT + 1)).toBeUndefined();
  expect(kinship.rootOf(sick('shop-1999-b', 'leak', AT + 100_000), AT + 1)).toBe('inc_s1999');
});
