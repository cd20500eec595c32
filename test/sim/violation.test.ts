import { pino } from 'pino';
import { expect, test } from 'vitest';
import { MOVES } from '../../src/builtin.ts';
import { seededRandom } from '../../src/base/random.ts';
import { run } from '../../src/detect/detector.ts';
import { violationDetector } from '../../src/detect/violation.ts';
import type { FleetView, SettingChange } from '../../src/diagnose/fleet-view.ts';
import { createHealer } from '../../src/healer.ts';
import { loop } from '../../src/loop.ts';
import type { Sample } from '../../src/observe/sample.ts';
import { UserSignal } from '../../src/observe/user-signal.ts';
import type { FactName } from '../../src/resources/fact-kinds.ts';
import { Replica } from './calamity.ts';
import { AT, tenantView } from './fleet-views.ts';
import { FleetInMemory } from './fleet-in-memory.ts';
import { MemoryInMemory } from './memory-in-memory.ts';
import { policyOf, situationOf, diagnosisOf } from './plans.ts';
import { violatedControl, requestsAt, violationAt } from './readings.ts';
import { assetView, sceneFleet, settingView } from './scenes.ts';
import { VirtualClock } from './virtual-clock.ts';

const STORE = 'store records/eu';
const GRANT = 'records/eu/grant of TRUNCATE';
const FACT: FactName = 'rls.truncate.granted';
const BEAT_MS = 100;
const before = (at: number): SettingChange => ({ value: null, at, by: 'unknown', soakedAt: at });

/** One store, the loop with everything behind it, and a collector that reads the store each time that it is asked to. */
class World {
  readonly clock = new VirtualClock(AT);
  readonly memory = new MemoryInMemory(this.clock);
  readonly fleet = new FleetInMemory(this.clock);
  readonly userSignal = new UserSignal();
  readonly #end = new AbortController();
  readonly #samples: Sample[] = [];
  #wake: () => void = () => undefined;
  /** When each measurement began that a repair asked for. */
  readonly asked: number[] = [];
  moves: readonly ('revert' | 'run')[] = ['revert'];
  /** Whether the collector cannot look once a repair asks it to. */
  isBlind = false;

  constructor() {
    this.fleet.facts.declare(GRANT, 'there', 2);
    this.memory.epoch = 1;
    const replica = new Replica(1);
    const healer = createHealer({
      memory: this.memory.of(replica),
      fleet: this.fleet.handsOf(replica),
      moves: MOVES,
      detectors: [run(violationDetector)],
      userSignal: this.userSignal,
      clock: this.clock,
      random: seededRandom(1),
      log: pino({ level: 'silent' }),
      takeSamples: () => this.#samples.splice(0),
      woken: (signal) => this.#woken(signal),
      wake: () => this.#wake(),
      epoch: () => 1,
      leadership: () => this.#end.signal,
      view: () => this.#view(),
      lookAgain: async () => this.#view(),
      look: async () => this.#view(),
      policy: () => policyOf(),
      surroundings: async () => {
        const { vantages, healer: self } = situationOf(diagnosisOf('unknown', { kind: 'workload', name: 'records' }));
        return { vantages, healer: self };
      },
      measureAgain: () => {
        this.asked.push(this.clock.now());
        if (!this.isBlind) this.measure();
      },
      isBusy: () => false,
      converge: () => undefined,
    });
    void loop(healer.stages, this.#end.signal, (error) => expect.fail(String(error)));
  }

  /** A look of the collector, that takes a second, at what is so when it begins. */
  measure(isBad = this.fleet.facts.facts.get(`setting ${GRANT}`) === 'there'): void {
    const at = this.clock.now();
    const violated = isBad ? [violatedControl(['shop', 'clinic'], { moves: this.moves })] : [];
    this.clock.after(1_000, () => this.#samples.push(violationAt(at, FACT, [], { violated })));
  }

  async goOn(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= BEAT_MS) {
      this.userSignal.add(requestsAt(this.clock.now(), 'shop', 10, 0));
      await this.clock.advance(BEAT_MS);
    }
  }

  end(): void {
    this.#end.abort();
  }

  #view(): FleetView {
    const value = this.fleet.facts.facts.get(`setting ${GRANT}`) ?? null;
    const history = [before(AT - 900_000), { ...before(AT - 1_000), value, soakedAt: null }];
    const grant = settingView(GRANT, { kind: 'object', value, declared: undefined, revision: 2, history });
    const settings = [grant];
    const assets = [assetView(STORE, { settings: [GRANT], region: 'eu' })];
    return {
      ...sceneFleet({ settings, assets, tenants: [tenantView('shop'), tenantView('clinic')] }),
      at: this.clock.now(),
    };
  }

  async #woken(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.clock.sleep(BEAT_MS, AbortSignal.any([woken.signal, signal])).catch(() => undefined);
  }
}

async function violated(prepare: (world: World) => void = () => undefined): Promise<World> {
  const world = new World();
  prepare(world);
  world.measure(false);
  await world.goOn(2_000);
  world.measure();
  await world.goOn(2_000);
  expect(world.memory.incidents).toEqual([]);
  world.measure();
  await world.goOn(2_000);
  return world;
}

test('a fact that turned is one incident, is taken back, and healed only when it was measured again after that', async () => {
  const world = await violated();
  const [incident] = world.memory.incidents;
  expect(incident).toMatchObject({
    state: 'open',
    body: { diagnosis: { cause: 'compliance', subject: { name: STORE } } },
  });
  expect(incident?.body.diagnosis.summary).toContain('violates gdpr Art. 32(1)(b) (shop, clinic)');
  await world.goOn(60_000);
  expect(world.fleet.facts.facts.has(`setting ${GRANT}`)).toBe(false);
  expect(world.memory.incidents).toMatchObject([{ id: incident!.id, state: 'closed', outcome: 'healed' }]);
  const verifiedAt = Date.parse(world.memory.incidents[0]!.closedAt!);
  expect(world.asked.some((at) => at < verifiedAt)).toBe(true);
  world.end();
});

test('nothing counts while nobody measures: it is undone exactly, and ends with a person', async () => {
  const world = await violated((each) => {
    each.isBlind = true;
  });
  await world.goOn(200_000);
  expect(world.fleet.facts.facts.get(`setting ${GRANT}`)).toBe('there');
  const outcomes = world.memory.repairs.map(({ outcome }) => outcome);
  expect(outcomes).toContain('unwound');
  expect(outcomes.at(-1)).toBe('escalated');
  expect(world.memory.incidents).toMatchObject([{ state: 'open' }]);
  world.end();
});

test('what no control names as a remedy is left as it is, and a person is called once', async () => {
  const world = await violated((each) => {
    each.moves = ['run'];
  });
  await world.goOn(30_000);
  expect(world.fleet.facts.facts.get(`setting ${GRANT}`)).toBe('there');
  expect(world.fleet.pages).toBe(1);
  expect(world.memory.incidents).toMatchObject([{ state: 'open', outcome: 'escalated' }]);
  world.end();
});
