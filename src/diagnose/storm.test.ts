import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, workloadView } from '../../test/sim/fleet-views.ts';
import { type Storm, STORMS } from '../../test/sim/storms.ts';
import { found, instanceNamed, seen, standing, tenantNamed, workloadNamed } from '../../test/sim/symptoms.ts';
import { diagnose } from './diagnose.ts';
import { symptomCounts } from './diagnosis.ts';

const names = Object.keys(STORMS);

/** What one look costs: how often a symptom, an instance, a workload or a tenant was asked who it is. */
function lookedAt(storm: Storm): number {
  let touched = 0;
  const counting = <Thing extends object>(thing: Thing, key: keyof Thing): Thing => {
    const value = thing[key];
    return Object.defineProperty({ ...thing }, key, {
      enumerable: true,
      get() {
        touched += 1;
        return value;
      },
    });
  };
  const { fleet } = storm;
  const workloads = fleet.workloads.map((workload) =>
    counting({ ...workload, instances: workload.instances.map((each) => counting(each, 'id')) }, 'name'),
  );
  const tenants = fleet.tenants.map((each) => counting(each, 'name'));
  const claims = standing(storm.claims.map((each) => counting(each, 'name')));
  touched = 0;
  diagnose(claims, { ...fleet, workloads, tenants });
  return touched;
}

describe('an alert storm of 10,000 symptoms', () => {
  test.each(names)('stays one incident that can be read: %s', (name) => {
    const { fleet, claims } = STORMS[name]!(10_000);
    const all = standing(claims);
    expect(all.size).toBeGreaterThan(8_000);
    const diagnoses = diagnose(all, fleet);
    expect(diagnoses.map(({ key, summary }) => `${key}: ${summary}`)).toHaveLength(1);
    const [{ summary, evidence, explains }] = diagnoses as [(typeof diagnoses)[number]];
    expect(explains.length).toBeGreaterThan(0.99 * all.size);
    expect(evidence.length).toBeLessThanOrEqual(100);
    expect(summary.length).toBeLessThan(200);
  });

  test.each(names)('costs what its symptoms cost, and not their square: %s', (name) => {
    const [small, large] = [1_000, 4_000].map((count) => lookedAt(STORMS[name]!(count))) as [number, number];
    // Four times as many may take a little more than four times the looks: for sorting, and for what is looked at anew.
    expect(large / small).toBeLessThan(5);
    expect(large / 4_000).toBeLessThan(1_000);
  });
});

test('what is kept of very much evidence has examples of each kind, in its order, and counts of all', () => {
  const { fleet, claims } = STORMS['a region that fell silent']!(2_000);
  const [diagnosis] = diagnose(standing(claims), fleet);
  expect(diagnosis!.key).toBe('asset network eu');
  expect(symptomCounts(diagnosis!)).toEqual({ hung: 1_000, 'probe-failed': 1_000 });
  const kinds = diagnosis!.evidence.map(({ name }) => name);
  expect(new Set(kinds)).toEqual(new Set(['hung', 'probe-failed']));
});

test('a storm does not hide what is known for certain beside it', () => {
  const { fleet, claims } = STORMS['deaths that nothing explains']!(2_000);
  const leak = seen('asset-leaking', { kind: 'asset', name: 'data records' });
  const noisy = seen('noisy-tenant', tenantNamed('t0'), { workloads: ['w3'] });
  expect(found(fleet, ...claims, leak, noisy)).toEqual(['isolation: data records', 'tenant: t0', 'unknown: w0']);
});

test('as many as can be read one by one stay one by one', () => {
  const { fleet, claims } = STORMS['deaths that nothing explains']!(2_000);
  expect(diagnose(standing(claims.slice(0, 31)), fleet)).toHaveLength(31);
  expect(diagnose(standing(claims.slice(0, 32)), fleet)).toHaveLength(1);
});

describe('symptoms of one cause are one incident', () => {
  const workloads = [
    workloadView('db', { instances: [0, 1].map((n) => instanceView(`db-${n}`)) }),
    workloadView('api', { dependsOn: ['db'] }),
    workloadView('shop', { dependsOn: ['api'] }),
  ];
  const failing = (name: string, since = AT - 20_000) => seen('workload-errors', workloadNamed(name), {}, { since });

  test('by subject: all that one instance shows', () => {
    const all = (['exited', 'hung', 'probe-failed', 'instance-errors'] as const).map((name) =>
      seen(name, instanceNamed('api-0')),
    );
    expect(found(fleetView(workloads), ...all)).toEqual(['instance-died: api-0']);
  });

  test('by the graph: the callers of what fails, and the tenants that feel it', () => {
    const all = [failing('db'), failing('api'), failing('shop'), seen('objective-burning', tenantNamed('shop'))];
    expect(found(fleetView(workloads), ...all)).toEqual(['unknown: db']);
  });

  test('and what nothing connects is two', () => {
    const apart = [workloadView('db'), workloadView('mail')];
    expect(found(fleetView(apart), failing('db'), failing('mail'))).toEqual(['unknown: db', 'unknown: mail']);
  });

  test('by time: what stands in one place and fell silent at once is the place; one after the other it is not', () => {
    const here = [0, 1, 2].map((n) => instanceView(`api-${n}`, { region: 'eu', host: `h${n}` }));
    const there = [3, 4, 5].map((n) => instanceView(`api-${n}`, { region: 'us', host: `h${n}` }));
    const fleet = fleetView([workloadView('api', { instances: [...here, ...there] })]);
    const silent = (apartMs: number) =>
      here.map(({ id }, at) => seen('hung', instanceNamed(id), {}, { since: AT - 90_000 + at * apartMs }));
    expect(found(fleet, ...silent(100))).toEqual(['infrastructure: network eu']);
    expect(found(fleet, ...silent(40_000))).toHaveLength(3);
  });

  test('by a shared change: two that fail since one setting was changed', () => {
    const setting = {
      id: 'platform/resolver',
      kind: 'resolver' as const,
      workloads: ['db', 'mail'],
      tenant: null,
      revision: 2,
      value: 'new',
      declared: 'old',
      needsRestart: false,
      history: [
        { value: 'old', at: 0, by: 'person anna', soakedAt: 10 },
        { value: 'new', at: AT - 22_000, by: 'person bert', soakedAt: null },
      ],
    };
    const fleet = { ...fleetView([workloadView('db'), workloadView('mail')]), settings: [setting] };
    expect(found(fleet, failing('db'), failing('mail'))).toEqual(['configuration: platform/resolver']);
    // What failed long before it has nothing to do with it.
    const early = failing('mail', AT - 80_000);
    expect(found(fleet, failing('db'), early)).toEqual(['configuration: platform/resolver', 'unknown: mail']);
  });

  test('a known cause suppresses what others would be suspected of', () => {
    const noisy = seen('noisy-tenant', tenantNamed('shop'), { workloads: ['shop'] });
    const all = [failing('shop'), failing('api'), seen('overloaded', workloadNamed('shop'))];
    expect(found(fleetView(workloads), ...all).length).toBeGreaterThan(0);
    expect(found(fleetView(workloads), noisy, ...all)).toEqual(['tenant: shop']);
  });
});
