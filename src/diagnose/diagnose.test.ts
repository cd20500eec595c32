import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { type Subject, type Symptom, type SymptomName, symptomKey, versionSubject } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { diagnose } from './diagnose.ts';
import type { FleetView } from './fleet-view.ts';

const OLD = AT - 20_000;

function claim(name: SymptomName, subject: Subject, since = OLD): Symptom {
  const reason = `${subject.name} ${name}`;
  return { name, subject, since, at: AT, vantages: ['prober'], reason, evidence: {} };
}

const of = (instance: string, version = 1): Subject => {
  return { kind: 'instance', name: instance, workload: instance.split('-')[0]!, version };
};
const tenant = (name: string): Subject => ({ kind: 'tenant', name });
const workload = (name: string): Subject => ({ kind: 'workload', name });

function standing(...claims: readonly Symptom[]): Symptoms {
  return new Map(claims.map((each) => [symptomKey(each.name, each.subject), each]));
}

function causes(fleet: FleetView, ...claims: readonly Symptom[]): string[] {
  return diagnose(standing(...claims), fleet).map(({ cause, subject }) => `${cause}: ${subject.name}`);
}

const records = workloadView('records', { dependsOn: ['store'] });
const store = workloadView('store');
const fleet = fleetView([records, store]);

test('no symptoms, no diagnoses', () => {
  expect(causes(fleet)).toEqual([]);
});

describe('an instance explains itself', () => {
  test.each([
    ['exited', 'instance-died'],
    ['start-failed', 'instance-died'],
    ['hung', 'instance-hung'],
    ['leak', 'resource'],
    ['instance-errors', 'instance-degraded'],
    ['instance-slow', 'instance-degraded'],
    ['probe-failed', 'instance-degraded'],
  ] as const)('%s is %s', (name, cause) => {
    expect(causes(fleet, claim(name, of('store-1')))).toEqual([`${cause}: store-1`]);
  });

  test('the worst of what is seen names the cause, once, and what tenants felt meanwhile is explained', () => {
    const claims = [claim('probe-failed', of('store-1')), claim('hung', of('store-1'))];
    const found = diagnose(standing(...claims, claim('objective-burning', tenant('shop'))), fleet);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ key: 'instance store-1', cause: 'instance-hung', workload: 'store' });
    expect(found[0]?.explains).toHaveLength(3);
  });

  test('two sick instances are two causes', () => {
    const both = [claim('exited', of('store-1')), claim('exited', of('store-2'))];
    expect(causes(fleet, ...both)).toEqual(['instance-died: store-1', 'instance-died: store-2']);
  });

  test('while it shows whether it hangs, it is not accused of less', () => {
    const failing = [claim('probe-failed', of('store-1')), claim('instance-errors', of('store-1'))];
    expect(causes(fleet, ...failing, claim('hung', of('store-1'), AT - 500))).toEqual([]);
    expect(causes(fleet, ...failing, claim('hung', of('store-1')))).toEqual(['instance-hung: store-1']);
    expect(causes(fleet, ...failing)).toEqual(['instance-degraded: store-1']);
  });

  test('not ready for a moment is no cause yet, and one that is no longer there is none', () => {
    expect(causes(fleet, claim('probe-failed', of('store-1'), AT - 1_000))).toEqual([]);
    expect(causes(fleet, claim('exited', of('store-9')))).toEqual([]);
  });
});

describe('the cause and not the victim', () => {
  test('who needs what is down is excused, however far away', () => {
    const api = workloadView('api', { dependsOn: ['records'] });
    const deep = fleetView([api, records, store]);
    const down = claim('exited', of('store-0'));
    const victims = [claim('probe-failed', of('records-1')), claim('instance-errors', of('api-2'))];
    expect(causes(deep, ...victims, down)).toEqual(['instance-died: store-0']);
    expect(causes(deep, down, ...victims)).toEqual(['instance-died: store-0']);
  });

  test('who dies itself is not excused by what it needs', () => {
    const both = [claim('exited', of('store-0')), claim('exited', of('records-1'))];
    expect(causes(fleet, ...both)).toHaveLength(2);
  });

  test('what still stands just after a dependency came back accuses nobody', () => {
    const back = workloadView('store', { instances: [instanceView('store-0', { startedAt: AT - 3_000 })] });
    expect(causes(fleetView([records, back]), claim('instance-errors', of('records-1')))).toEqual([]);
    expect(causes(fleet, claim('instance-errors', of('records-1')))).toEqual(['instance-degraded: records-1']);
  });

  test('circles of dependencies come to an end', () => {
    const loop = fleetView([records, workloadView('store', { dependsOn: ['records'] })]);
    expect(causes(loop, claim('exited', of('store-0')))).toEqual(['instance-died: store-0']);
  });

  test('a new version is not accused of what the death of its dependency does to it', () => {
    const versions = [versionView(1), versionView(2, { promotedAt: null })];
    const instances = [instanceView('records-0', { version: 2 })];
    const young = { ...records, targetVersion: 2, versions, instances };
    const victim = claim('probe-failed', of('records-0', 2));
    expect(causes(fleetView([young, store]), victim, claim('exited', of('store-0')))).toEqual([
      'instance-died: store-0',
    ]);
    expect(causes(fleetView([young, store]), victim)).toEqual(['version: records@2']);
  });
});

describe('a version', () => {
  const versions = [versionView(1), versionView(2, { promotedAt: null })];
  const instances = [0, 1, 2].map((ordinal) => instanceView(`records-${ordinal}`, { version: 2 }));
  const unproven = { ...records, targetVersion: 2, versions, instances };
  const proven = { ...unproven, versions: [versionView(1), versionView(2)] };
  const loop = claim('crash-loop', versionSubject('records', 2));
  const worse = claim('version-errors', versionSubject('records', 2));
  const deaths = instances.map(({ id }) => claim('exited', of(id, 2)));

  test('that has not soaked is accused of its crash loop, and its deaths are explained', () => {
    const found = diagnose(
      standing(...deaths, loop, claim('objective-burning', tenant('shop'))),
      fleetView([unproven, store]),
    );
    expect(found).toMatchObject([{ cause: 'version', key: 'version records@2', workload: 'records' }]);
    expect(found[0]?.explains).toHaveLength(5);
  });

  test('that has soaked is not: going back would be a guess', () => {
    expect(causes(fleetView([proven, store]), loop, ...deaths)).not.toContain('version: records@2');
    expect(causes(fleetView([proven, store]), ...deaths)).toHaveLength(3);
  });

  test('is accused when it is worse than the one before, soaked or not', () => {
    expect(causes(fleetView([proven, store]), worse)).toEqual(['version: records@2']);
    expect(causes(fleetView([unproven, store]), worse)).toEqual(['version: records@2']);
  });

  test('that has not soaked is accused when half of its instances are sick, and not for one', () => {
    const sick = (count: number) => instances.slice(0, count).map(({ id }) => claim('instance-errors', of(id, 2)));
    expect(causes(fleetView([unproven, store]), ...sick(1))).toEqual(['instance-degraded: records-0']);
    expect(causes(fleetView([unproven, store]), ...sick(2))).toEqual(['version: records@2']);
  });

  test('that has not soaked is accused of a leak in any of its instances, one that has soaked is not', () => {
    const leak = claim('leak', of('records-0', 2));
    expect(causes(fleetView([unproven, store]), leak)).toEqual(['version: records@2']);
    expect(causes(fleetView([proven, store]), leak)).toEqual(['resource: records-0']);
  });

  test('is not accused when there is nothing to go back to', () => {
    const only = { ...unproven, versions: [versionView(2, { promotedAt: null })] };
    expect(causes(fleetView([only, store]), ...deaths)).toEqual(
      deaths.map(({ subject }) => `instance-died: ${subject.name}`),
    );
  });

  test('that differs in its configuration alone is a bad configuration', () => {
    const same = [versionView(1), versionView(2, { promotedAt: null, artefactDigest: 'artefact-1' })];
    expect(causes(fleetView([{ ...unproven, versions: same }, store]), loop)).toEqual(['configuration: records@2']);
  });

  test('that was gone back from stays one incident while instances of it are there, and none after that', () => {
    const rejected = [versionView(1), versionView(2, { promotedAt: null, rejectedAt: AT })];
    const leaving = { ...unproven, targetVersion: 1, versions: rejected };
    expect(causes(fleetView([leaving, store]), loop, ...deaths)).toEqual(['version: records@2']);
    expect(causes(fleetView([{ ...leaving, instances: [] }, store]), loop, ...deaths)).toEqual([]);
  });
});

describe('load', () => {
  const slow = [claim('instance-slow', of('records-0')), claim('overloaded', workload('records'))];

  test('a noisy tenant explains the slowness of others, and what they felt', () => {
    const felt = claim('objective-burning', tenant('clinic'));
    expect(causes(fleet, ...slow, felt, claim('noisy-tenant', tenant('shop')))).toEqual(['tenant: shop']);
  });

  test('a noisy tenant explains nothing where what it sends cannot be felt', () => {
    const wide = fleetView([records, store, workloadView('bills', { dependsOn: ['store'] }), workloadView('mail')]);
    const loud = { ...claim('noisy-tenant', tenant('shop')), evidence: { workloads: ['records'] } };
    const slow = ['records', 'store', 'bills'].map((name) => claim('workload-slow', workload(name)));
    expect(causes(wide, loud, ...slow)).toEqual(['tenant: shop']);
    expect(causes(wide, loud, ...slow, claim('workload-errors', workload('mail')))).toEqual([
      'tenant: shop',
      'unknown: mail',
    ]);
  });

  test('a noisy tenant does not explain a death', () => {
    const both = [claim('noisy-tenant', tenant('shop')), claim('exited', of('records-0'))];
    expect(causes(fleet, ...both)).toEqual(['tenant: shop', 'instance-died: records-0']);
  });

  test('more load than usual is an overload of the workload', () => {
    expect(causes(fleet, slow[1]!)).toEqual(['overload: records']);
  });
});

test('what nothing explains is unknown, and said so; a burning budget only when it lasts', () => {
  expect(causes(fleet, claim('objective-burning', tenant('shop')))).toEqual(['unknown: shop']);
  expect(causes(fleet, claim('objective-burning', tenant('shop'), AT - 5_000))).toEqual([]);
  expect(causes(fleet, claim('artefact-drift', workload('records')))).toEqual(['unknown: records']);
});

const claims = fc.oneof(
  fc
    .tuple(
      fc.constantFrom<SymptomName>('exited', 'hung', 'probe-failed'),
      fc.constantFrom('records-0', 'records-1', 'store-0'),
    )
    .map(([name, id]) => claim(name, of(id))),
  fc
    .tuple(fc.constantFrom<SymptomName>('noisy-tenant', 'objective-burning'), fc.constantFrom('shop', 'clinic'))
    .map(([name, who]) => claim(name, tenant(who))),
  fc.constant(claim('overloaded', workload('records'))),
);

test('equal input gives equal output, changes nothing of it, and names no subject twice', () => {
  fc.assert(
    fc.property(fc.array(claims, { maxLength: 8 }), (drawn) => {
      const symptoms = standing(...drawn);
      const before = JSON.stringify([[...symptoms], fleet]);
      const found = diagnose(symptoms, fleet);
      expect(diagnose(new Map(symptoms), structuredClone(fleet))).toEqual(found);
      expect(JSON.stringify([[...symptoms], fleet])).toBe(before);
      expect(new Set(found.map(({ key }) => key)).size).toBe(found.length);
    }),
    { numRuns: 200 },
  );
});

test('few failed calls accuse none of those who call', () => {
  const of = { callers: ['records'], instances: ['records-1'], instancesFailing: 1, instancesSeen: 3, requests: 100 };
  const calls = (failedShare: number) => {
    const made = claim('calls-failing', workload('store'), AT - 10_000);
    return { ...made, evidence: { ...of, failedShare } };
  };
  expect(causes(fleet, calls(0.1))).toEqual(['instance-degraded: records-1']);
  expect(causes(fleet, calls(0.03))).toEqual([]);
});
