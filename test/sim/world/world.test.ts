import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planOf } from '../plans.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { handsOf } from './hands.ts';
import { feltBetween, scenarioOf } from './mechanics.ts';
import { runTrial } from './run.ts';
import { World } from './world.ts';

const watched = { seed: 7, healer: 'none' } as const;

/** A world at its beginning, and a way to let it live. */
function worldOf(more: Parameters<typeof scenarioOf>[0]) {
  const clock = new VirtualClock();
  const world = new World(scenarioOf(more), clock, 7);
  const live = async (ms: number) => {
    for (const endsAt = clock.now() + ms; clock.now() < endsAt; ) {
      await clock.advance(Math.min(endsAt, world.nextAt()) - clock.now());
      world.step();
    }
  };
  return { world, clock, live };
}

test('equal seeds give equal trials, other seeds others', async () => {
  const scenario = scenarioOf({ runs: '2m', events: [{ at: '30s', fault: { kind: 'kill', instance: 'api/eu/0' } }] });
  const healed = { seed: 7, healer: 'kintsugi' } as const;
  const [one, same, other] = [
    await runTrial(scenario, healed),
    await runTrial(scenario, healed),
    await runTrial(scenario, { ...healed, seed: 8 }),
  ];
  expect(same).toEqual(one);
  expect(other.felt).not.toEqual(one.felt);
});

test('every request is counted once, whatever happens to it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom('kill', 'stop', 'errors', 'slow', 'partition', 'loss', 'burn'),
      fc.double({ min: 0, max: 30, noNaN: true }),
      async (seed, kind, times) => {
        const scenario = scenarioOf({
          runs: '40s',
          events: [
            { at: '5s', fault: { kind, workload: 'api', share: 0.5 } },
            { at: '10s', load: { times } },
          ],
        });
        const trial = await runTrial(scenario, { seed, healer: 'none' });
        for (const { requests, ok, failed, limited, refused, slow } of Object.values(trial.felt).flat()) {
          expect(ok + failed + limited + refused).toBe(requests);
          expect(slow).toBeLessThanOrEqual(ok);
        }
        expect(trial.violations).toEqual([]);
      },
    ),
    { numRuns: 25 },
  );
});

test('what is lost on the way is found by the check of conservation', () => {
  const { world } = worldOf({});
  world.invariants.conserved(10, [7, 2, 0, 0], world.now());
  expect(world.invariants.violations).toMatchObject([{ invariant: 'conservation of requests' }]);
});

describe('retries', () => {
  const storm = (retries: number) =>
    scenarioOf({
      runs: '6m',
      fleet: {
        workloads: {
          api: { instances: { eu: 3 }, route: '/api', dependsOn: ['core'], timeout: '60ms', retries, capacity: 2_000 },
          core: { instances: { eu: 2 }, capacity: 100 },
        },
        tenants: { shop: { regions: ['eu'], perSecond: 120 } },
      },
      events: [{ at: '1m', load: { times: 3, for: '20s' } }],
    });

  test('keep an overload up long after the load that began it is gone', async () => {
    const { felt } = await runTrial(storm(20), watched);
    expect(feltBetween(felt, 0, 60).failedShare).toBeLessThan(0.02);
    expect(feltBetween(felt, 300, 360).failedShare).toBeGreaterThan(0.5);
  });

  test('without them the same overload passes', async () => {
    const { felt } = await runTrial(storm(0), watched);
    expect(feltBetween(felt, 60, 80).failedShare).toBeGreaterThan(0.2);
    expect(feltBetween(felt, 300, 360).failedShare).toBeLessThan(0.02);
  });
});

describe('certificates', () => {
  const assets = {
    'certificate ingress': { kind: 'certificate', workloads: ['api'], validFrom: '-1d', validFor: '30d' },
  };

  test('are valid by the clock of the host that checks them', async () => {
    const { world, live } = worldOf({
      fleet: { assets },
      events: [{ at: '5s', clock: { host: 'eu-1', skew: '60d' } }],
    });
    await live(4_000);
    expect(world.assets().holds('certificate ingress', 'expired')).toBe(false);
    await live(4_000);
    const expired = world.assets().conditionsOf('certificate ingress').get('expired');
    const there = [...world.population.of('api')].filter((each) => each.host === 'eu-1').map((each) => each.instance);
    expect(there.length).toBeGreaterThan(0);
    expect(expired?.detail).toMatchObject({ hosts: ['eu-1'], instances: there });
    expect(world.assets().holds('clock eu-1', 'skewed')).toBe(true);
    world.population.setSkew('eu-1', 0);
    await live(1_000);
    expect(world.assets().holds('certificate ingress', 'expired')).toBe(false);
  });

  test('that have ended fail the requests of whoever needs them, until they are rotated', async () => {
    const ended = { 'certificate ingress': { ...assets['certificate ingress'], validFor: '10s' } };
    const { world, live } = worldOf({ fleet: { assets: ended } });
    await live(30_000);
    expect(world.felt.total.failed).toBeGreaterThan(100);
    const fleet = handsOf(world, { name: 'test', goOn: () => Promise.resolve(), isCut: () => false });
    const context = { key: 'test', epoch: 0, signal: new AbortController().signal, fleet };
    await fleet.act({ verb: 'rotate', asset: 'certificate ingress', key: 'once', input: {} }, context);
    await live(2_000);
    const { failed } = world.felt.total;
    await live(20_000);
    expect(world.felt.total.failed).toBe(failed);
  });
});

test('a process keeps the values that it started with', async () => {
  const { world, live } = worldOf({
    fleet: { settings: { 'api/KEY': { value: 'there', workloads: ['api'], needsRestart: true } } },
    effects: [{ when: { setting: 'api/KEY', is: null }, workload: 'api', crash: true, after: '1s' }],
    events: [{ at: '5s', set: { setting: 'api/KEY', value: null } }],
  });
  await live(30_000);
  expect([...world.population.of('api')].every((each) => each.ready)).toBe(true);
  world.population.start({ id: 'api-new', workload: 'api', region: 'eu', ordinal: 9, version: 1 });
  await live(10_000);
  expect(world.population.isRunning('api-new')).toBe(false);
  expect(world.population.of('api')).toHaveLength(3);
});

test('memory that leaks ends at the limit', async () => {
  const { world, live } = worldOf({
    events: [{ at: '1s', fault: { kind: 'leak', instance: 'api/eu/1', perSecond: 20 } }],
  });
  await live(60_000);
  expect(world.population.of('api')).toHaveLength(2);
  const exits = world.observers.take().filter((each) => each.kind === 'exit');
  expect(exits).toMatchObject([{ signal: 'SIGKILL', lastLines: ['out of memory'] }]);
});

describe('the fence', () => {
  const deposed = async (lead: (world: World) => number) => {
    const { world } = worldOf({});
    world.lease.acquire('control-1', world.now());
    const fleet = handsOf(world, { name: 'test', goOn: () => Promise.resolve(), isCut: () => false });
    const signal = new AbortController().signal;
    const target = { workload: 'api', version: 2, phase: 'rolling', rejected: null };
    const act = fleet.setTarget(target, { key: 'rollout:x', epoch: lead(world), signal, fleet });
    return { world, act };
  };

  test('lets the leader act', async () => {
    const { world, act } = await deposed((it) => it.lease.epoch);
    await act;
    expect(world.workload('api').targetVersion).toBe(2);
  });

  test('refuses a former leader before anything happens', async () => {
    const { world, act } = await deposed((it) => it.lease.epoch - 1);
    await expect(act).rejects.toMatchObject({ code: 'lease.stale' });
    expect(world.workload('api').targetVersion).toBe(1);
    expect(world.fenced).toBe(1);
  });
});

test('a leader that stood still and wakes up has its acts refused, and its repair is finished by another', async () => {
  const scenario = scenarioOf({
    runs: '3m',
    fleet: { replicas: 2 },
    events: [
      { at: '29s', healer: { does: 'pause-leader', for: '40s', upon: 'intent' } },
      { at: '30s', fault: { kind: 'kill', instance: 'api/eu/0' } },
    ],
  });
  const trial = await runTrial(scenario, { seed: 7, healer: 'kintsugi' });
  expect(trial.violations).toEqual([]);
  expect(trial.fenced).toBeGreaterThan(0);
  expect(trial.repairs).toMatchObject([{ outcome: 'healed' }]);
  expect(trial.repairs[0]!.endedAt! - trial.repairs[0]!.openedAt).toBeLessThan(15_000);
});

test('a poison request kills one after another, until its key is quarantined', async () => {
  const poison = { tenant: 'shop', workload: 'api', route: '/api/export', fingerprint: 'f-bad', every: '5s' };
  const { world, live } = worldOf({ events: [{ at: '5s', poison }] });
  await live(12_000);
  expect(world.population.of('api')).toHaveLength(1);
  const inflight = world.observers.take().filter((each) => each.kind === 'inflight');
  expect(inflight).toHaveLength(2);
  for (const { keys } of inflight)
    expect(keys).toContainEqual({ tenant: 'shop', route: '/api/export', fingerprint: 'f-bad' });
  const limits = { requestsPerSecond: 0, concurrency: 0, minutes: 10 };
  world.mitigations.add(
    { id: 'q', kind: 'quarantine', tenant: 'shop', route: '/api/export', fingerprint: 'f-bad', ...limits },
    world.now(),
  );
  await live(30_000);
  expect(world.population.of('api')).toHaveLength(1);
});

test('tenants are served only where they may be', async () => {
  const { world, live } = worldOf({
    fleet: {
      regions: { eu: {}, us: {} },
      workloads: { api: { instances: { eu: 2, us: 2 }, route: '/api' } },
      tenants: { shop: { regions: ['eu', 'us'] }, clinic: { regions: ['eu'] } },
    },
    events: [{ at: '10s', fault: { kind: 'host-down', region: 'eu' } }],
  });
  await live(10_000);
  world.observers.take();
  await live(20_000);
  const requests = world.observers.take().filter((each) => each.kind === 'requests');
  const late = requests.filter((each) => each.at > world.startAt + 15_000);
  expect(late.filter((each) => each.tenant === 'clinic').every((each) => each.ok === 0)).toBe(true);
  expect(late.filter((each) => each.tenant === 'shop').every((each) => each.failed === 0)).toBe(true);
});

/** Each invariant is shown what it exists to catch: a healer without the guard that keeps it. */
describe('the invariants', () => {
  const broken = async (withoutGuards: readonly string[], more: Parameters<typeof scenarioOf>[0]) => {
    const trial = await runTrial(scenarioOf({ runs: '2m', ...more }), { seed: 7, healer: 'kintsugi', withoutGuards });
    return new Set(trial.violations.map((each) => each.invariant));
  };

  test('catch an act while stopped', async () => {
    const events = [
      { at: '20s', person: { does: 'stop' } },
      { at: '30s', fault: { kind: 'kill', instance: 'api/eu/0' } },
    ];
    expect(await broken([], { events })).toEqual(new Set());
    expect(await broken(['stop'], { events })).toEqual(new Set(['no act while stopped']));
  });

  test('catch an act that a regulation wanted a person to allow', async () => {
    const more = {
      profiles: { careful: { needsApproval: ['replace'] } },
      fleet: { tenants: { shop: { regions: ['eu'], profiles: ['careful'] } } },
      events: [{ at: '30s', fault: { kind: 'kill', instance: 'api/eu/0' } }],
    };
    expect(await broken([], more)).toEqual(new Set());
    expect(await broken(['regulation'], more)).toEqual(new Set(['no unlawful act']));
  });

  test('catch a budget that is overdrawn', async () => {
    const events = Array.from({ length: 12 }, (_, i) => ({
      at: `${20 + 8 * i}s`,
      fault: { kind: 'kill', instance: 'api/eu/0' },
    }));
    expect(await broken([], { events })).toEqual(new Set());
    const all = ['velocity', 'attempts', 'flap-damping', 'panic', 'warm-return'];
    expect(await broken(all, { events })).toContain('budgets are never exceeded');
  });

  test('catch two repairs on one target', () => {
    const { world } = worldOf({});
    const open = planOf({ target: 'workload api' });
    world.invariants.begun(planOf({ target: 'slot api/eu/0' }), [open], world.now());
    expect(world.invariants.violations).toMatchObject([{ invariant: 'one repair per target' }]);
  });

  test('catch an effect without an intent, and one of a former leader', async () => {
    const { world } = worldOf({});
    world.lease.acquire('control-1', world.now());
    world.repairOf = () => ({ plan: planOf(), journal: [] });
    const context = { signal: new AbortController().signal, fleet: {} as never };
    world.invariants.effect(
      { ...context, key: 'rep_1:0:apply', epoch: 1 },
      world.lease,
      [],
      world.repairOf(''),
      world.now(),
    );
    world.invariants.effect({ ...context, key: 'rollout:x', epoch: 0 }, world.lease, [], undefined, world.now());
    expect(world.invariants.violations.map((each) => each.invariant)).toEqual([
      'intent before effect',
      'no act by a stale leader',
    ]);
  });

  test('catch a workload that is taken away at once', () => {
    const { world } = worldOf({});
    const ids = world.workload('api').slots.map((each) => each.instance!);
    for (const id of ids) {
      world.takeAway('api', id);
      world.population.stop(id);
    }
    expect(world.invariants.violations.map((each) => each.invariant)).toEqual(['blast radius', 'blast radius']);
  });

  test('catch a tenant that is sent where it may not be', () => {
    const { world } = worldOf({
      profiles: { gdpr: {} },
      fleet: {
        regions: { eu: {}, us: {} },
        settings: { 'shop/region': { kind: 'route', value: 'eu', tenant: 'shop' } },
        tenants: { shop: { regions: ['eu'], profiles: ['gdpr'], routedBy: 'shop/region' } },
      },
    });
    world.judgeWrite('shop/region', 'eu');
    expect(world.invariants.violations).toEqual([]);
    world.judgeWrite('shop/region', 'us');
    expect(world.invariants.violations).toMatchObject([{ invariant: 'no unlawful act' }]);
  });
});
