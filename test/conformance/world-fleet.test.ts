import type { Fleet } from '../../src/heal/fleet.ts';
import { parseScenarios } from '../scenarios/load.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { handsOf } from '../sim/world/hands.ts';
import { World } from '../sim/world/world.ts';
import { fleetConformance, type FleetUnderTest } from './fleet.ts';

const STEP_MS = 500;
const SETTING = 'records/LIMIT';

const TEXT = `
scenario: conformance
pack: no-op
title: A quiet fleet for the conformance of its hands
source: none
fleet:
  workloads:
    records:
      instances: { eu: 3 }
      route: /records
      versions: [{ version: 1, age: 30d, soaked: true }, { version: 2, age: 20d, soaked: true }]
  tenants:
    shop: { regions: [eu], perSecond: 5 }
  settings:
    ${SETTING}: { kind: limit, value: 5, declared: 5, workloads: [records] }
expect: { from: 0s, healed: { for: 1m } }
`;

const owner = { name: 'control', goOn: () => Promise.resolve(), isCut: () => false };

function lead(world: World, clock: VirtualClock, epoch: number): FleetUnderTest {
  world.lease.epoch = epoch;
  const hands = handsOf(world, owner);
  const records = world.workload('records');
  return {
    fleet: driven(hands, world, clock),
    epoch,
    workload: 'records',
    region: 'eu',
    slots: async () => records.slots.map((slot) => ({ ...slot })),
    running: async () =>
      world.population
        .of('records')
        .flatMap(({ instance, state }) => (state === 'exited' ? [] : [instance]))
        .toSorted(),
    rest: async () => {
      const { targetVersion, phase, scaleDelta, versions } = records;
      const rejected = versions.filter((each) => each.rejectedAt !== null).map((each) => each.version);
      const limits = world.mitigations.ofTenant('shop').map(({ id }) => id);
      return { targetVersion, phase, scaleDelta, rejected, limits };
    },
    depose: async () => lead(world, clock, epoch + 1),
    setting: {
      id: SETTING,
      revision: () => settingIn(world).revision,
      value: () => settingIn(world).value,
      overwrite: (value) => world.settings.write(SETTING, value, 'person anna', world.now()),
    },
  };
}

function settingIn(world: World) {
  const setting = world.settings.views().find(({ id }) => id === SETTING);
  if (!setting) throw new Error(`the world has no ${SETTING}`);
  return setting;
}

/** The hands, with the world living on while it is waited for them. */
function driven(hands: Fleet, world: World, clock: VirtualClock): Fleet {
  const calls = Object.entries(hands) as [string, (...given: readonly unknown[]) => Promise<unknown>][];
  const live = async (work: Promise<unknown>): Promise<unknown> => {
    const over = new AbortController();
    const end = () => over.abort();
    work.then(end, end);
    await clock.advance(0);
    while (!over.signal.aborted) {
      await clock.advance(STEP_MS);
      world.step();
    }
    return work;
  };
  return Object.fromEntries(
    calls.map(([name, call]) => [name, (...given: readonly unknown[]) => live(call(...given))]),
  ) as unknown as Fleet;
}

fleetConformance('the simulated world', async () => {
  const [file] = parseScenarios([{ file: 'conformance.yaml', text: TEXT }]);
  if (!file) throw new Error('there is no scenario');
  const clock = new VirtualClock();
  const world = new World(file.scenario, clock, 1);
  world.workload('records').phase = 'canary';
  for (let i = 0; i < 10; i++) {
    await clock.advance(STEP_MS);
    world.step();
  }
  return lead(world, clock, 1);
});
