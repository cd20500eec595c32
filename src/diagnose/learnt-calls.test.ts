import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { carriedAt, refOf, requestsAt, triesAt } from '../../test/sim/readings.ts';
import { settingView } from '../../test/sim/scenes.ts';
import { seen, standing, workloadNamed } from '../../test/sim/symptoms.ts';
import { callGraphDetector, NO_READINGS } from '../detect/call-graph.ts';
import { run } from '../detect/detector.ts';
import { type Symptom, versionSubject } from '../detect/symptom.ts';
import { diagnose } from './diagnose.ts';
import { withLearntCalls } from './learnt-calls.ts';

const CALLERS = ['records', 'bills'];
const FAULT_AT = AT - 6_000;
const fleet = fleetView([workloadView('records'), workloadView('bills'), workloadView('stock')]);

/** Both call `stock`, of which nobody declared anything; from the fault on a quarter of its requests fails, and theirs. */
function readingsUntil(now: number) {
  const detector = run(callGraphDetector);
  for (let at = 1_000; at <= now; at += 1_000) {
    const failed = at > FAULT_AT ? 5 : 0;
    for (const workload of [...CALLERS, 'stock'])
      detector.feed(requestsAt(at, 'shop', 20 - failed, failed, { workload }));
    detector.feed(triesAt(at, 20 - failed, failed, refOf('stock-0', 'stock')));
    for (const name of CALLERS) detector.feed(carriedAt(at, 'stock', 20, 0, refOf(`${name}-0`, name)));
  }
  return detector.readings(now)!;
}

const LASTING = { since: FAULT_AT, at: AT };
const failing = [...CALLERS, 'stock'].map((name) =>
  seen('workload-errors', workloadNamed(name), {}, { ...LASTING, since: AT - 20_000 }),
);

function named(claims: readonly Symptom[], given = fleet, readings = readingsUntil(AT)): readonly string[] {
  return diagnose(standing(claims), given, readings).map(({ cause, subject }) => `${cause}: ${subject.name}`);
}

describe('calls that nobody declared', () => {
  test('put the callers of what fails into one incident with it', () => {
    expect(named(failing)).toEqual(['unknown: stock']);
    expect(named(failing, fleet, NO_READINGS)).toHaveLength(3);
  });

  test('let a change of the callee explain what its callers show, and not a change of a caller', () => {
    const changed = (id: string, at: number) => {
      const before = { value: 'a', at: 1, by: 'person anna', soakedAt: 2 };
      const history = [before, { value: 'b', at, by: 'person anna', soakedAt: null }];
      return settingView(id, { value: 'b', workloads: [id.split('/')[0]!], history });
    };
    const settings = [changed('stock/LIMIT', AT - 25_000), changed('records/THEME', AT - 22_000)];
    expect(named(failing, { ...fleet, settings })).toEqual(['configuration: stock/LIMIT']);
  });

  test('are added to those that were declared, and to nobody who is not there or calls itself', () => {
    const node = { baseline: [], present: [], parts: [] } as never;
    const nodes = [
      { ...(node as object), name: 'records', calls: ['records', 'stock', 'nobody', 'store main'] },
      { ...(node as object), name: 'nobody', calls: ['stock'] },
    ] as never;
    const seenFleet = withLearntCalls(fleet, { times: [], nodes });
    expect(seenFleet.workloads.map(({ dependsOn }) => dependsOn)).toEqual([['stock'], [], []]);
    expect(withLearntCalls(seenFleet, { times: [], nodes })).toBe(seenFleet);
  });
});

describe('a new version above a callee that adds the harm', () => {
  const versions = [versionView(1), versionView(2, { promotedAt: null })];
  const instances = [0, 1, 2].map((i) => instanceView(`records-${i}`, { version: 2, startedAt: 10_000 }));
  const released = { ...workloadView('records', { targetVersion: 2, versions, instances }) };
  const given = fleetView([released, workloadView('bills'), workloadView('stock')]);
  const worse = (since: number) =>
    seen('version-errors', versionSubject('records', 2), { concurrent: false }, { since, at: AT });

  test('is not accused while the callee has time to be told', () => {
    expect(named([worse(FAULT_AT)], given)).toEqual([]);
  });

  test('is, where nothing says that it is the callee', () => {
    expect(named([worse(FAULT_AT)], given, NO_READINGS)).toEqual(['version: records@2']);
  });

  test('and is, when the callee has shown nothing in all that time', () => {
    const since = AT - 16_000;
    expect(named([worse(since)], given)).toEqual(['version: records@2']);
  });
});
