import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { World } from '../drivers/world.ts';
import type { Sample } from '../observe/sample.ts';
import { SampleFacts } from './sample-facts.ts';

const ASSET = 'protection postgresql/records/eu/"public"."records"/row-level-security';

/** The reports after each group of readings: `o` is off, `-` is on. */
async function reportsAfter(...groups: readonly string[]): Promise<readonly unknown[]> {
  const facts = new SampleFacts(new World(systemClock), systemClock);
  const [protections] = facts.collectors();
  const start = systemClock.now();
  let reading = 0;
  const reports: unknown[] = [];
  for (const group of groups) {
    for (const letter of group) {
      reading += 1;
      const about = { asset: ASSET, condition: 'disabled', vantage: 'store', reason: 'seen', detail: {} } as const;
      facts.take({ kind: 'condition', ...about, at: start + reading, holds: letter === 'o' } satisfies Sample);
    }
    for (const { measured, measuredAt } of await protections!.collect(systemClock.deadline(1_000))) {
      reports.push([measured.kind === 'value' ? measured.value : measured.reason, measuredAt - start]);
    }
  }
  return reports;
}

test('a protection that is off in two looks is off, and on again with the second look that finds it so', async () => {
  expect(await reportsAfter('--', 'o', 'o', 'o', '-', '-')).toEqual([
    [true, 2],
    [true, 2],
    [false, 4],
    [false, 5],
    [false, 5],
    [true, 7],
  ]);
});

test('what was off and is on again before the next report was off', async () => {
  expect(await reportsAfter('--', 'oo--', '-')).toEqual([
    [true, 2],
    [false, 4],
    [true, 7],
  ]);
});

test('what is off at the first look is off', async () => {
  expect(await reportsAfter('o', '--')).toEqual([
    [false, 1],
    [true, 3],
  ]);
});
