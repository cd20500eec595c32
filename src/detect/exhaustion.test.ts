import { expect, test } from 'vitest';
import { memoryAt, refOf, retiredAt } from '../../test/sim/readings.ts';
import type { LevelSample, Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { exhaustionDetector } from './exhaustion.ts';

const MINUTE_MS = 60_000;
const start = () => run(exhaustionDetector(() => detectionNumbers()));

function levelAt(at: number, level: number, more: Partial<LevelSample> = {}): LevelSample {
  const of = { kind: 'asset' as const, name: 'disk state' };
  return { kind: 'level', at, vantage: 'control', of, measure: 'MiB', level, limit: 1_000, ...more };
}

const each = (minutes: number, make: (minute: number) => Sample) =>
  Array.from({ length: minutes * 6 }, (_, i) => make(i / 6));

function feed(samples: readonly Sample[], detector = start()) {
  return samples
    .flatMap((sample) => detector.feed(sample))
    .map((change) => {
      if ('raise' in change) return change.raise;
      return 'clear' in change ? `clear ${change.clear} ${change.subject.name}` : 'over';
    });
}

test('a disk that fills is told in time, with when it is full', () => {
  const found = feed(each(400, (minute) => levelAt(minute * MINUTE_MS, 300 + 2 * minute)));
  const [first] = found;
  expect(first).toMatchObject({ name: 'exhausting', subject: { kind: 'asset', name: 'disk state' } });
  const { at, evidence } = first as { at: number; evidence: Record<string, number> };
  // Full after 350 minutes.
  expect(at / MINUTE_MS).toBeGreaterThan(285);
  expect(at / MINUTE_MS).toBeLessThan(300);
  expect(Math.abs(evidence['deadlineAt']! / MINUTE_MS - 350)).toBeLessThan(6);
});

test('what goes up and down, is at its limit by intent, or is far from it is no claim', () => {
  expect(feed(each(300, (minute) => levelAt(minute * MINUTE_MS, 600 + 250 * Math.cos(minute / 20))))).toEqual([]);
  expect(feed(each(300, (minute) => levelAt(minute * MINUTE_MS, 1_000)))).toEqual([]);
  expect(feed(each(100, (minute) => levelAt(minute * MINUTE_MS, 10 + 4 * minute)))).toEqual([]);
});

test('descriptors of an instance are a claim about the instance, and go with it', () => {
  const of = { kind: 'instance' as const, name: 'records-1' };
  const leaking = each(60, (minute) => levelAt(minute * MINUTE_MS, 100 + 20 * minute, { of, measure: 'descriptors' }));
  const detector = start();
  const found = feed([memoryAt(0, 100), ...leaking, retiredAt(61 * MINUTE_MS, refOf())], detector);
  expect(found[0]).toMatchObject({ subject: { kind: 'instance', name: 'records-1', workload: 'records', version: 1 } });
  expect(found.at(-1)).toBe('clear exhausting records-1');
  expect([...detector.tell(0)]).toEqual([]);
});

test('it goes when the level is brought down; nonsense and repetitions change nothing', () => {
  const filling = each(330, (minute) => levelAt(minute * MINUTE_MS, 300 + 2 * minute));
  const after = each(30, (minute) => levelAt((330 + minute) * MINUTE_MS, 200));
  expect(feed([...filling, ...after]).at(-1)).toBe('clear exhausting disk state');
  const odd = filling.flatMap((sample) => [
    sample,
    sample,
    levelAt(sample.at - MINUTE_MS, 999),
    levelAt(sample.at, Number.NaN),
    levelAt(sample.at + 1, 5, { limit: Number.NaN }),
  ]);
  expect(feed(odd)).toEqual(feed(filling));
});

test('who makes up names is held to a number of them', () => {
  const detector = start();
  const many = Array.from({ length: 5_000 }, (_, i) =>
    levelAt(i, 1, { of: { kind: 'asset', name: `disk ${i}` }, measure: `m${i}` }),
  );
  feed(many, detector);
  expect([...detector.tell(0)].length).toBe(2_000);
});

test('what goes with the day is judged when a day of it is known, and then as any other', () => {
  const of = { kind: 'tenant' as const, name: 'shop' };
  const seasonal = (minute: number, level: number) =>
    levelAt(minute * MINUTE_MS, level, { of, measure: 'requests per second', isSeasonal: true });
  // A morning: up from a fifth of the limit to nine tenths within hours, as on every day.
  const day = (minute: number) => 550 - 350 * Math.cos((2 * Math.PI * minute) / 1_440);
  expect(feed(each(1_440, (minute) => seasonal(minute, day(minute))))).toEqual([]);
  const grows = feed(each(3 * 1_440, (minute) => seasonal(minute, Math.min(990, 300 + 0.16 * minute))));
  expect(grows[0]).toMatchObject({ name: 'exhausting', subject: of });
});
