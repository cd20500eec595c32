import { fleetConformance, type FleetUnderTest } from '../conformance/fleet.ts';
import { Replica } from './calamity.ts';
import { FleetInMemory } from './fleet-in-memory.ts';
import { VirtualClock } from './virtual-clock.ts';

const SETTING = 'records/LIMIT';

function lead(fleet: FleetInMemory, clock: VirtualClock, epoch: number): FleetUnderTest {
  const hands = fleet.handsOf(new Replica(epoch));
  // Time passes for every call as it needs it.
  const driven = Object.fromEntries(
    Object.entries(hands).map(([name, call]) => [
      name,
      (...given: readonly unknown[]) =>
        clock.drive((call as (...all: readonly unknown[]) => Promise<unknown>)(...given)),
    ]),
  ) as unknown as FleetUnderTest['fleet'];
  return {
    fleet: driven,
    epoch,
    workload: 'records',
    region: 'eu',
    slots: async () =>
      [...fleet.slots.slots].map(([name, slot]) => {
        const [region = '', ordinal] = name.split('/');
        return { workload: 'records', region, ordinal: Number(ordinal), ...slot };
      }),
    running: async () => [...fleet.slots.running.keys()].toSorted(),
    rest: async () => {
      const { slots: _, ...rest } = fleet.picture();
      return rest;
    },
    depose: async () => lead(fleet, clock, epoch + 1),
    setting: {
      id: SETTING,
      revision: () => fleet.facts.revisionOf(SETTING),
      value: () => fleet.facts.facts.get(`setting ${SETTING}`) ?? null,
      overwrite: (value) => fleet.facts.overwrite(SETTING, value),
    },
    asset: { verb: 'rotate', asset: 'credential db', input: { from: 'v1', to: 'v2' } },
    actor: 'job nightly',
  };
}

fleetConformance('the small fleet in memory', async () => {
  const clock = new VirtualClock();
  const fleet = new FleetInMemory(clock);
  for (const ordinal of [0, 1, 2]) fleet.slots.add(`eu/${ordinal}`, `eu/${ordinal}:old`, 2, true);
  fleet.declared = { eu: 3 };
  fleet.facts.declare(SETTING, 'low', 4);
  fleet.facts.facts.set('credential db used', 'v1');
  return lead(fleet, clock, 1);
});
