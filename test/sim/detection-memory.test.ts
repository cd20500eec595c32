import { expect, test } from 'vitest';
import { DetectionInMemory } from './detection-in-memory.ts';
import { memoryAt, requestsAt } from './readings.ts';
import { seededRandom } from '../../src/base/random.ts';
import { createDetectors } from '../../src/builtin.ts';
import type { Sample } from '../../src/observe/sample.ts';
import { detectionNumbers } from '../../src/resources/detection-number.ts';
import { DetectionKeeper } from '../../src/heal/detection-memory.ts';

const promised = { availability: 0.99, latencyMs: 500, periodMs: 30 * 86_400_000 };
const fresh = () => createDetectors({ promisedTo: () => promised, numbers: () => detectionNumbers() });

/** An hour of traffic of two tenants, with a failure now and then. */
function hour(seed: number): readonly Sample[] {
  const random = seededRandom(seed);
  return Array.from({ length: 3_600 }, (_, i) => {
    const at = 1_000_000 + i * 1_000;
    const failed = random.next() < 0.02 ? 3 : 0;
    return [
      requestsAt(at, 'shop', 5 + Math.floor(5 * random.next()), failed, { ms: 10 + 20 * random.next() }),
      requestsAt(at, 'clinic', 2),
      memoryAt(at, 200 + i / 20),
    ];
  }).flat();
}

async function written(keeper: DetectionKeeper): Promise<void> {
  // A round is as many batches as it takes; a few more than that begin the next one, which changes nothing.
  for (let i = 0; i < 20; i++) await keeper.keep();
}

test('who goes on from what was kept says the same as who never stopped', async () => {
  const samples = hour(11);
  const cut = samples.length - 1_800;
  const [kept, memory] = [fresh(), new DetectionInMemory()];
  for (const sample of samples.slice(0, cut)) for (const detector of kept) detector.feed(sample);
  await written(new DetectionKeeper(kept, memory));

  const next = fresh();
  const restored = await new DetectionKeeper(next, memory).restore();
  expect(restored).toEqual(expect.arrayContaining(['series', 'leak', 'objective', 'workload', 'version', 'mortality']));
  const names = new Set(restored);
  const rest = samples.slice(cut);
  const said = (detectors: typeof next) =>
    detectors.filter(({ name }) => names.has(name)).map((each) => [each.name, rest.map((sample) => each.feed(sample))]);
  // What was heard before it was kept comes once more, as it does when a follower takes over: it is not heard twice.
  for (const sample of samples.slice(cut - 300, cut)) for (const detector of next) detector.feed(sample);
  expect(JSON.stringify(said(next))).toBe(JSON.stringify(said(kept)));
  const told = (detectors: typeof next) => detectors.flatMap((each) => [...each.tell(5_000_000)]);
  expect(JSON.stringify(told(next))).toBe(JSON.stringify(told(kept)));
});

test('who was not blind keeps what it knows, and who is gone is forgotten', async () => {
  const [kept, memory] = [fresh(), new DetectionInMemory()];
  const keeper = new DetectionKeeper(kept, memory);
  for (const sample of hour(3)) for (const detector of kept) detector.feed(sample);
  await written(keeper);
  expect(await keeper.restore()).toEqual([]);
  expect((await memory.read()).some(({ detector, part }) => detector === 'series' && part === 'tenant shop')).toBe(
    true,
  );
  const others = fresh();
  for (const detector of others) detector.feed(requestsAt(9_000_000, 'bank', 5));
  await written(new DetectionKeeper(others, memory));
  const parts = (await memory.read()).filter(({ detector }) => detector === 'objective').map(({ part }) => part);
  expect(parts.sort()).toEqual(['', 'bank']);
});

test('what is no state is not taken: the detector begins anew and the others go on', async () => {
  const [kept, memory] = [fresh(), new DetectionInMemory()];
  for (const sample of hour(5)) for (const detector of kept) detector.feed(sample);
  await written(new DetectionKeeper(kept, memory));
  const broken = (await memory.read()).map((part) =>
    part.detector === 'leak' ? { ...part, state: '{"cut of' } : part,
  );
  await memory.write(broken);
  const next = fresh();
  const restored = await new DetectionKeeper(next, memory).restore();
  expect(restored).toContain('series');
  expect(restored).not.toContain('leak');
  for (const detector of next) detector.feed(memoryAt(9_000_000, 200));
});
