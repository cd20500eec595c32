import { expect, test } from 'vitest';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { Experience } from './experience.ts';

const NOTHING = { harms: [], drills: [], pardons: [] };

function opened() {
  const clock = new VirtualClock();
  let reads = 0;
  let fault: Error | undefined;
  const memory = {
    async readTrackRecord() {
      reads += 1;
      if (fault) throw fault;
      return NOTHING;
    },
    readLearned: async () => ({}),
  };
  const fail = (error?: Error) => {
    fault = error;
  };
  const experience = new Experience(memory, clock);
  return { clock, experience, reads: () => reads, fail };
}

test('one reading serves the decisions of five seconds', async () => {
  const { clock, experience, reads } = opened();
  await Promise.all([experience.read(), experience.read()]);
  await clock.advance(4_999);
  await experience.read();
  expect(reads()).toBe(1);
  await clock.advance(1);
  await experience.read();
  expect(reads()).toBe(2);
});

test('the end of a repair is seen by the next decision', async () => {
  const { experience, reads } = opened();
  await experience.read();
  experience.forget();
  await experience.read();
  expect(reads()).toBe(2);
});

test('a reading that failed is not kept', async () => {
  const { experience, reads, fail } = opened();
  fail(new Error('the database is away'));
  await expect(experience.read()).rejects.toThrow('the database is away');
  fail();
  expect(await experience.read()).toEqual({ record: NOTHING, learned: {} });
  expect(reads()).toBe(2);
});
