import { describe, expect, test } from 'vitest';
import { versionView } from '../../test/sim/fleet-views.ts';
import { API_VERSION } from '../resources/metadata.ts';
import { workloadSchema } from '../resources/workload.ts';
import type { DeclaredWorkload, Slot, StoredVersion } from './declared.ts';
import { type RolloutFacts, rolloutSteps } from './rollout.ts';

const NOW = 1_000_000;

const { spec } = workloadSchema.parse({
  apiVersion: API_VERSION,
  kind: 'Workload',
  metadata: { name: 'records' },
  spec: {
    artefact: { path: '.' },
    command: ['node'],
    instances: { eu: 3 },
    rollout: { canaryMs: 10_000, soakMs: 30_000 },
  },
});

function slot(ordinal: number, version: number | null, more: Partial<Slot> = {}): Slot {
  const instance = version === null ? null : `records-${ordinal}`;
  const place = { workload: 'records', region: 'eu', ordinal, port: 4_000 + ordinal };
  return { ...place, instance, version, incoming: null, incomingVersion: null, ...more };
}

function stored(version: number, promotedAt: number | null): StoredVersion {
  return { ...versionView(version, { promotedAt }), artefactPath: '/srv', spec };
}

function declared(slots: readonly Slot[], more: Partial<DeclaredWorkload> = {}): DeclaredWorkload {
  return {
    name: 'records',
    spec,
    revision: 1,
    targetVersion: 2,
    phase: 'rolling',
    phaseSince: NOW,
    scaleDelta: {},
    versions: [stored(1, 1), stored(2, null)],
    slots,
    ...more,
  };
}

function facts(more: Partial<RolloutFacts> = {}): RolloutFacts {
  return { isReady: () => true, isGone: () => false, dependenciesReady: true, held: false, now: NOW, ...more };
}

/** In short: `upgrade 1 to 2`. */
function steps(workload: DeclaredWorkload, given: Partial<RolloutFacts> = {}): string[] {
  return rolloutSteps(workload, facts(given)).map((step) => {
    if (step.do === 'phase') return `${step.phase}${step.promote ? ' and promote' : ''}`;
    if (step.do === 'add-slot') return `add ${step.region}/${step.ordinal}`;
    if (step.do === 'remove-slot') return `remove ${step.slot.ordinal}`;
    return `${step.do} ${step.slot.ordinal} with ${step.version}`;
  });
}

const all = (version: number | null) => [slot(0, version), slot(1, version), slot(2, version)];
const notReady = (...ids: readonly string[]) => ({ isReady: (id: string) => !ids.includes(id) });

describe('size', () => {
  test('slots that are missing are added first, those that are too many are removed', () => {
    expect(steps(declared([]))).toEqual(['add eu/0', 'add eu/1', 'add eu/2']);
    expect(steps(declared([slot(0, 2), slot(2, 2)]))).toEqual(['add eu/1']);
    expect(steps(declared([...all(2), slot(3, 2)]))).toEqual(['remove 3']);
  });

  test('what moves added counts, and what they took', () => {
    expect(steps(declared(all(2), { scaleDelta: { pln_1: { eu: 1 } } }))).toEqual(['add eu/3']);
    expect(steps(declared(all(2), { scaleDelta: { pln_1: { eu: -1 } } }))).toEqual(['remove 2']);
    expect(steps(declared(all(2), { scaleDelta: { pln_1: { us: 1 } } }))).toEqual(['add us/0']);
  });

  test('nothing is removed while it is held', () => {
    expect(steps(declared([...all(2), slot(3, 2)]), { held: true })).toEqual([]);
  });
});

describe('the first fill', () => {
  test('waits for what it depends on, and then starts all at once', () => {
    const initial = declared(all(null), { phase: 'initial' });
    expect(steps(initial, { dependenciesReady: false })).toEqual([]);
    expect(steps(initial)).toEqual(['fill 0 with 2', 'fill 1 with 2', 'fill 2 with 2']);
  });

  test('goes on where a former leader stopped, and soaks when all are ready', () => {
    expect(steps(declared([slot(0, 2), slot(1, null), slot(2, 2)], { phase: 'initial' }))).toEqual(['fill 1 with 2']);
    expect(steps(declared(all(2), { phase: 'initial' }), notReady('records-1'))).toEqual([]);
    expect(steps(declared(all(2), { phase: 'initial' }))).toEqual(['soaking']);
  });
});

describe('the canary', () => {
  const canary = (slots: readonly Slot[]) => declared(slots, { phase: 'canary' });

  test('is the first new instance, alone', () => {
    expect(steps(canary(all(1)))).toEqual(['upgrade 0 with 2']);
    expect(steps(canary([slot(0, 2), slot(1, 1), slot(2, 1)]))).toEqual([]);
  });

  test('is watched for its time, and only then followed by others', () => {
    const begun = canary([slot(0, 2), slot(1, 1), slot(2, 1)]);
    expect(steps(begun, { now: NOW + 9_999 })).toEqual([]);
    expect(steps(begun, { now: NOW + 10_000 })).toEqual(['rolling']);
    expect(steps(begun, { now: NOW + 10_000, ...notReady('records-0') })).toEqual([]);
  });

  test('a slot that is new meanwhile gets what is proven, one that is filled again keeps its version', () => {
    const slots = [slot(0, 2), slot(1, null), slot(2, 1, { instance: null })];
    expect(steps(canary(slots))).toEqual(['fill 1 with 1', 'fill 2 with 1']);
  });
});

describe('rolling', () => {
  test('goes one by one, each after all are ready', () => {
    expect(steps(declared([slot(0, 2), slot(1, 1), slot(2, 1)]))).toEqual(['upgrade 1 with 2']);
    expect(steps(declared([slot(0, 2), slot(1, 1), slot(2, 1)]), notReady('records-0'))).toEqual([]);
    expect(steps(declared([slot(0, 2), slot(1, 2), slot(2, 1)]))).toEqual(['upgrade 2 with 2']);
  });

  test('ends in the soak, and only a version that has soaked is promoted', () => {
    expect(steps(declared(all(2)))).toEqual(['soaking']);
    const soaking = declared(all(2), { phase: 'soaking' });
    expect(steps(soaking, { now: NOW + 29_999 })).toEqual([]);
    expect(steps(soaking, { now: NOW + 30_000, ...notReady('records-2') })).toEqual([]);
    expect(steps(soaking, { now: NOW + 30_000 })).toEqual(['steady and promote']);
  });

  test('what is steady needs nothing, and is brought to its target when an old one is left', () => {
    const steady = { phase: 'steady' as const, targetVersion: 1 };
    expect(steps(declared(all(1), steady), { now: NOW + 99_999 })).toEqual([]);
    expect(steps(declared([slot(0, 1), slot(1, 2), slot(2, 1)], steady))).toEqual(['upgrade 1 with 1']);
  });
});

describe('whoever holds it', () => {
  test('stops all progress, not the filling of what is empty', () => {
    const held = { held: true, now: NOW + 99_999 };
    expect(steps(declared(all(1), { phase: 'canary' }), held)).toEqual([]);
    expect(steps(declared([slot(0, 2), slot(1, 1), slot(2, 1)]), held)).toEqual([]);
    expect(steps(declared(all(2), { phase: 'soaking' }), held)).toEqual([]);
    expect(steps(declared([slot(0, 2), slot(1, null), slot(2, 2)]), held)).toEqual(['fill 1 with 2']);
  });
});

describe('an occupant', () => {
  test('that died is left to the healer; one that ended because it was told to is started again', () => {
    expect(steps(declared(all(2)), notReady('records-1'))).toEqual([]);
    const gone = { isGone: (id: string) => id === 'records-1' };
    expect(steps(declared(all(1), { phase: 'canary' }), gone)).toEqual(['fill 1 with 1']);
  });
});
