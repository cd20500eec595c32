import { describe, expect, test } from 'vitest';
import { exitAt, memoryAt, refOf } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { run } from './detector.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { mortalityDetector as mortalityBy } from './mortality.ts';
import type { Symptom } from './symptom.ts';

const mortalityDetector = mortalityBy(() => detectionNumbers());

const MIN = 60_000;

/** The last claim that was made; `lives` are [started at, lived, version], in minutes. */
function claimOf(
  lives: readonly (readonly [number, number, number?])[],
  more: readonly Sample[] = [],
): Symptom | undefined {
  const deaths = lives.map(([start, lived, version = 2], index): Sample => {
    const ref = refOf(`records-${index}`, 'records', version);
    return { ...exitAt((start + lived) * MIN, ref), expected: false, livedMs: lived * MIN };
  });
  const detector = run(mortalityDetector);
  const changes = [...more, ...deaths].toSorted((a, b) => a.at - b.at).flatMap((each) => detector.feed(each));
  const last = changes.at(-1);
  return last && 'raise' in last ? last.raise : undefined;
}

describe('deaths of a version', () => {
  test('are a claim at the third, however far apart the slots and however old the processes', () => {
    expect(
      claimOf([
        [0, 10],
        [1, 10.1],
      ]),
    ).toBeUndefined();
    expect(
      claimOf([
        [0, 10],
        [1, 10.1],
        [2, 10.2],
      ]),
    ).toMatchObject({
      name: 'deaths-recurring',
      subject: { name: 'records@2' },
      evidence: { deaths: 3, onlyThisVersion: true, ofOneAge: true, firstStartedAt: 0 },
    });
  });

  test('are of one age only when the processes did not start together as well', () => {
    expect(
      claimOf([
        [0, 10],
        [0.1, 10.2],
        [0.2, 10.4],
      ])?.evidence['ofOneAge'],
    ).toBe(false);
    expect(
      claimOf([
        [0, 10],
        [1, 5],
        [2, 20],
      ])?.evidence['ofOneAge'],
    ).toBe(false);
  });

  test('count once when one event ends many, and less the older they are', () => {
    expect(
      claimOf([
        [0, 10],
        [0.01, 10],
        [0.02, 10],
        [0.03, 10],
      ]),
    ).toBeUndefined();
    expect(
      claimOf([
        [0, 10],
        [90, 10],
        [180, 10],
      ]),
    ).toBeUndefined();
  });

  test('do not accuse a version alone when another died lately', () => {
    const both = claimOf([
      [0, 8, 1],
      [0, 10],
      [1, 10.1],
      [2, 10.2],
    ]);
    expect(both?.evidence['onlyThisVersion']).toBe(false);
  });

  test('of the young, and ends that were asked for, are not counted', () => {
    expect(
      claimOf([
        [0, 0.2],
        [1, 0.2],
        [2, 0.2],
      ]),
    ).toBeUndefined();
    const ended = [0, 1, 2].map((each) => ({ ...exitAt((10 + each) * MIN), expected: true, livedMs: 10 * MIN }));
    expect(claimOf([], ended)).toBeUndefined();
  });

  test('say when memory had grown before them', () => {
    const grown = [0, 1, 2].flatMap((each) =>
      [0, 1, 9].map((minute) =>
        memoryAt((each + minute) * MIN, 150 + 20 * minute, refOf(`records-${each}`, 'records', 2)),
      ),
    );
    const lives = [
      [0, 10],
      [1, 10.1],
      [2, 10.2],
    ] as const;
    expect(claimOf(lives, grown)).toMatchObject({ evidence: { memoryGrew: true } });
    expect(claimOf(lives, grown)?.reason).toContain('with ever more memory');
    expect(claimOf(lives)?.evidence['memoryGrew']).toBe(false);
  });
});

test('a Policy may ask for fewer deaths', () => {
  const death = (start: number): Sample => {
    const ref = refOf(`records-${start}`);
    return { ...exitAt((start + 50) * MIN, ref), expected: false, livedMs: 50 * MIN };
  };
  const claims = (given: Parameters<typeof detectionNumbers>[0]) => {
    const detector = run(mortalityBy(() => detectionNumbers(given)));
    return [death(0), death(20)].flatMap((each) => detector.feed(each));
  };
  expect(claims({})).toEqual([]);
  expect(claims({ 'mortality.deathsMin': 2, 'mortality.weightMin': 1.5 })).toHaveLength(1);
});
