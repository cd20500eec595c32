import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, workloadView } from '../../test/sim/fleet-views.ts';
import { actorView, assetView, settingView } from '../../test/sim/scenes.ts';
import {
  assetNamed,
  BEGAN,
  found,
  instanceNamed,
  seen,
  standing,
  tenantNamed,
  workloadNamed,
} from '../../test/sim/symptoms.ts';
import { type Symptom, symptomKey, versionSubject } from '../detect/symptom.ts';
import { diagnose } from './diagnose.ts';
import type { FleetView } from './fleet-view.ts';

const records = workloadView('records', { dependsOn: ['store', 'payment'] });
const payment = workloadView('payment', { external: true, routed: false });
const base = fleetView([records, workloadView('store'), payment], [tenantView('shop'), tenantView('bank')]);

describe('observers', () => {
  const down = (id: string, answers: boolean) => seen('probe-failed', instanceNamed(id), { answers });
  const three = ['records-0', 'records-1', 'store-0'];

  test('a prober that says down of those who answer requests is doubted, and nothing it says is acted on', () => {
    const said = [...three.map((id) => down(id, id !== 'store-0')), seen('hung', instanceNamed('store-0'))];
    expect(found(base, ...said)).toEqual(['observer: prober']);
  });

  test('it is not when nobody answers, or when who answers has trouble', () => {
    expect(found(base, ...three.map((id) => down(id, false)))).not.toContain('observer: prober');
    const slow = ['records', 'store'].map((name) => seen('workload-slow', workloadNamed(name)));
    expect(found(base, ...three.map((id) => down(id, true)), ...slow)).not.toContain('observer: prober');
  });

  test('one contradiction accuses nobody', () => {
    expect(found(base, down('records-0', true))).toEqual([]);
  });
});

describe('poison', () => {
  const subject = { tenant: 'shop', route: '/x', fingerprint: '1', workload: 'records', version: 1 };
  const poison = seen('poison', { kind: 'requests', name: 'shop /x 1', ...subject });
  const died = seen('exited', instanceNamed('records-0'));
  const loop = seen('crash-loop', versionSubject('records', 1));

  test('explains the deaths and the loop, and what is felt of them', () => {
    expect(found(base, died, loop, poison, seen('objective-burning', tenantNamed('bank')))).toEqual([
      'poison: shop /x 1',
    ]);
  });

  test('once it is kept out, who died of it is replaced', () => {
    const mitigations = [{ id: 'q', kind: 'quarantine' as const }];
    const contained = { ...base, tenants: [tenantView('shop', { mitigations }), tenantView('bank')] };
    expect(found(contained, died, loop, poison)).toEqual(['poison: shop /x 1', 'instance-died: records-0']);
  });
});

test('a leak is contained before anything else is thought of, and says what changed before it', () => {
  const asset = assetView('data answers', { workloads: ['records'] });
  const fleet = { ...base, assets: [asset], settings: [settingView('records/CACHE', { history: recent() })] };
  const [first] = diagnose(standing([seen('asset-leaking', assetNamed('data answers'))]), fleet);
  // It is what goes back while the leak is contained.
  expect(first).toMatchObject({ cause: 'isolation', workload: 'records', subject: { name: 'records/CACHE' } });
});

function recent() {
  return [
    { value: '10', at: 0, by: 'person ada', soakedAt: 10 },
    { value: '1', at: BEGAN - 1_000, by: 'person bo', soakedAt: null },
  ];
}

describe('what is not ours', () => {
  test('a callee outside that fails is a dependency, and its callers are excused', () => {
    const failing = seen('calls-failing', workloadNamed('payment'), { callers: ['records'] });
    const victims = [
      seen('workload-errors', workloadNamed('records')),
      seen('instance-errors', instanceNamed('records-0')),
    ];
    expect(found(base, failing, ...victims)).toEqual(['dependency: payment']);
  });

  test('a callee of ours is none', () => {
    expect(found(base, seen('calls-failing', workloadNamed('store'), { callers: ['records'] }))).toEqual([
      'unknown: store',
    ]);
  });
});

describe('places', () => {
  const on = (workload: string) => (host: string, i: number) => instanceView(`${workload}-${i}`, { host });
  const hosts = ['a', 'b', 'c'];
  const spread = ['records', 'store'].map((name) => workloadView(name, { instances: hosts.map(on(name)) }));
  const fleet: FleetView = { ...fleetView(spread), assets: [assetView('host a', { host: 'a', workloads: [] })] };
  const dead = (...ids: readonly string[]) => ids.map((id) => seen('exited', instanceNamed(id)));

  test('what stands on one machine and dies together accuses the machine', () => {
    expect(found(fleet, ...dead('records-0', 'store-0'))).toEqual(['infrastructure: host a']);
  });

  test('when others die too, or the machine is no thing that is known, they stand for themselves', () => {
    expect(found(fleet, ...dead('records-0', 'store-0', 'store-1'))).toHaveLength(3);
    expect(found({ ...fleet, assets: [] }, ...dead('records-0', 'store-0'))).toHaveLength(2);
  });

  test('who burns a machine is accused before the instance on it; a death is not of that', () => {
    const actors = [actorView('batch', { uses: [{ of: 'host a', share: 0.9, timesUsual: 8 }] })];
    expect(found({ ...fleet, actors }, seen('instance-slow', instanceNamed('records-0')))).toEqual(['actor: batch']);
    expect(found({ ...fleet, actors }, ...dead('records-0'))).toEqual(['instance-died: records-0']);
  });
});

describe('who started since a change', () => {
  const change = recent();
  const port = settingView('store/PORT', { workloads: ['store'], needsRestart: true, history: change });
  const instances = [0, 1, 2].map((i) => instanceView(`store-${i}`, { startedAt: i === 0 ? BEGAN - 500 : -9_000_000 }));
  const fleet = { ...fleetView([workloadView('store', { instances })]), settings: [port] };

  test('and alone is sick accuses what it started with', () => {
    expect(found(fleet, seen('instance-errors', instanceNamed('store-0')))).toEqual(['configuration: store/PORT']);
    expect(found(fleet, seen('exited', instanceNamed('store-0'), { livedMs: 300 }))).toEqual([
      'configuration: store/PORT',
    ]);
    expect(found(fleet, seen('start-failed', instanceNamed('store-0')))).toEqual(['configuration: store/PORT']);
  });

  test('not when it ran before, lived long, or others that started since are well', () => {
    expect(found(fleet, seen('instance-errors', instanceNamed('store-1')))).toEqual(['instance-degraded: store-1']);
    expect(found(fleet, seen('exited', instanceNamed('store-0'), { livedMs: 90_000 }))).toEqual([
      'instance-died: store-0',
    ]);
    const young = instances.map((each) => ({ ...each, startedAt: BEGAN - 500 }));
    const all = { ...fleetView([workloadView('store', { instances: young })]), settings: [port] };
    expect(found(all, seen('instance-errors', instanceNamed('store-0')))).toEqual(['instance-degraded: store-0']);
  });
});

describe('load', () => {
  const loaded = (load: number) => seen('overloaded', workloadNamed('records'), { load });

  test('far more load explains itself, also when something was changed before; a little more does not', () => {
    const settings = [settingView('records/MODE', { history: recent() })];
    expect(found({ ...base, settings }, loaded(5))).toEqual(['overload: records']);
    expect(found({ ...base, settings }, loaded(1.6))).toEqual(['configuration: records/MODE']);
  });

  test('who says that it has too much to do is overloaded, whatever the load', () => {
    const full = seen('calls-failing', workloadNamed('store'), {
      callers: ['records'],
      errors: { exhausted: 6, timeout: 4 },
    });
    expect(found(base, full)).toEqual(['overload: store']);
  });
});

const CLAIMS: readonly Symptom[] = [
  ...['records-0', 'records-1', 'store-0'].flatMap((id) => [
    seen('exited', instanceNamed(id)),
    seen('hung', instanceNamed(id)),
    seen('instance-errors', instanceNamed(id)),
    seen('probe-failed', instanceNamed(id), { answers: true }),
  ]),
  ...['records', 'store'].flatMap((name) => [
    seen('workload-errors', workloadNamed(name), { errors: { timeout: 3 } }),
    seen('workload-slow', workloadNamed(name)),
    seen('overloaded', workloadNamed(name), { load: 3 }),
  ]),
  seen('calls-failing', workloadNamed('payment'), { callers: ['records'] }),
  seen('calls-surging', assetNamed('store main')),
  seen('crash-loop', versionSubject('records', 1)),
  seen('tenant-errors', tenantNamed('shop'), { workload: 'records' }),
  seen('noisy-tenant', tenantNamed('bank')),
  ...(['asset-expired', 'asset-exhausted', 'asset-recovering', 'asset-lagging', 'asset-leaking'] as const).map((name) =>
    seen(name, assetNamed('pool x')),
  ),
];

const FLEET: FleetView = {
  ...base,
  assets: [assetView('pool x', { workloads: ['store'], settings: ['records/MODE'] })],
  settings: [settingView('records/MODE', { history: recent() })],
  actors: [actorView('batch', { uses: [{ of: 'store', share: 0.6, timesUsual: 6 }] })],
};

test('equal input gives equal output in any order of time, nothing is named twice, and all that is explained was seen', () => {
  fc.assert(
    fc.property(fc.subarray([...CLAIMS]), (claims) => {
      const symptoms = standing(claims);
      const given = JSON.stringify([[...symptoms], FLEET]);
      const once = diagnose(symptoms, FLEET);
      expect(diagnose(new Map(symptoms), structuredClone(FLEET))).toEqual(once);
      expect(JSON.stringify([[...symptoms], FLEET])).toBe(given);
      expect(new Set(once.map(({ key }) => key)).size).toBe(once.length);
      for (const { explains, suspects, subject, evidence } of once) {
        expect(explains.every((key) => symptoms.has(key))).toBe(true);
        expect(evidence.length).toBeGreaterThan(0);
        expect(suspects.some((each) => symptomKey('poison', each.subject) === symptomKey('poison', subject))).toBe(
          false,
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('what is seen in a workload that has nothing to do with it changes no diagnosis', () => {
  const far = workloadView('far');
  const wider = { ...FLEET, workloads: [...FLEET.workloads, far] };
  const noise = [
    seen('instance-slow', instanceNamed('far-0')),
    seen('workload-errors', workloadNamed('far'), {}, { since: AT - 1_000 }),
    seen('probe-failed', instanceNamed('far-1'), {}, { since: AT - 1_000 }),
  ];
  // Load and poison of one tenant are felt everywhere: these explain whatever they meet.
  const local = CLAIMS.filter(({ name }) => name !== 'noisy-tenant');
  fc.assert(
    fc.property(fc.subarray(local), (claims) => {
      const named = (symptoms: readonly Symptom[]) =>
        diagnose(standing(symptoms), wider)
          .filter(({ workload, subject }) => workload !== 'far' && !subject.name.startsWith('far'))
          .map(({ cause, key }) => `${cause} ${key}`);
      expect(named([...claims, ...noise])).toEqual(named(claims));
    }),
    { numRuns: 200 },
  );
});

test('an instance is not accused while what it needs has just begun to be in a condition', () => {
  const fleet = { ...base, assets: [assetView('disk store', { workloads: ['store'] })] };
  const errors = seen('instance-errors', instanceNamed('store-0'));
  const full = (since: number) => seen('asset-exhausted', assetNamed('disk store'), {}, { since });
  expect(found(fleet, errors, full(AT - 2_000))).toEqual([]);
  expect(found(fleet, errors, full(AT - 20_000))).toEqual(['resource: disk store']);
  expect(found(fleet, errors)).toEqual(['instance-degraded: store-0']);
});

test('what has ended explains what is still felt of it, and is no incident', () => {
  const over = { over: true } as const;
  const felt = [seen('workload-errors', workloadNamed('records')), seen('objective-burning', tenantNamed('bank'))];
  expect(found(base, seen('noisy-tenant', tenantNamed('shop'), {}, over), ...felt)).toEqual([]);
  const fleet = { ...base, assets: [assetView('store main', { workloads: ['store'] })] };
  const ended = seen('asset-failing', assetNamed('store main'), {}, over);
  expect(found(fleet, ended, seen('calls-failing', workloadNamed('store'), { callers: ['records'] }), ...felt)).toEqual(
    [],
  );
  const failing = seen('calls-failing', workloadNamed('store'), { callers: ['records'] }, over);
  expect(found(base, failing, ...felt)).toEqual([]);
  expect(found(base, seen('exited', instanceNamed('records-0')), failing)).toEqual(['instance-died: records-0']);
});
