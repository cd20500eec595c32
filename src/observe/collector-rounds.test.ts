import { afterEach, expect, test } from 'vitest';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import type { Collector } from './collector.ts';
import { CollectorRounds } from './collector-rounds.ts';
import type { Fact } from './fact.ts';

const told: string[] = [];
const rounds = new CollectorRounds({
  clock: systemClock,
  random: seededRandom(1),
  listener: {
    onReport: ({ name }, facts) => void told.push(`${name} ${facts.length}`),
    onBlind: ({ name }, reason) => void told.push(`${name} blind: ${reason}`),
  },
});
afterEach(() => rounds.close());

function collector(name: string, collect: Collector['collect']): Collector {
  return { name, facts: ['audit.chain.valid'], everyMs: 5, timeoutMs: 50, collect };
}

function fact(name: Fact['name'], by: string): Fact {
  const measured = { kind: 'value', value: true } as const;
  return { name, subject: 'one', tenants: 'all', measured, measuredAt: 0, collector: by, evidence: null };
}

test('one that throws, hangs or says what is not its own is blind, and the others go on', async () => {
  let running = 0;
  let most = 0;
  rounds.start([
    collector('good', async () => {
      running += 1;
      most = Math.max(most, running);
      await systemClock.sleep(1);
      running -= 1;
      return [fact('audit.chain.valid', 'good')];
    }),
    collector('throws', () => Promise.reject(new Error('no way'))),
    collector('throws-at-once', () => {
      throw new Error('not even a promise');
    }),
    collector('hangs', () => new Promise(() => undefined)),
    collector('strange', async () => [fact('rls.enabled', 'strange')]),
    collector('liar', async () => [fact('audit.chain.valid', 'good')]),
  ]);
  const has = (text: string) => told.some((each) => each.startsWith(text));
  const all = [
    'good 1',
    'throws blind: ',
    'throws-at-once blind: ',
    'hangs blind: ',
    'strange blind: ',
    'liar blind: ',
  ];
  await expect.poll(() => all.every(has), { timeout: 5_000 }).toBe(true);
  await expect.poll(() => told.filter((each) => each === 'good 1').length, { timeout: 5_000 }).toBeGreaterThan(2);
  expect(most).toBe(1);
  expect(told.find((each) => each.startsWith('hangs'))).toContain('it took longer than 0.05 s');
});

test('one that finds nothing to look at yet looks again soon, and then keeps to its rhythm', async () => {
  const slept: number[] = [];
  const sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(slept.push(ms) && 1, signal);
  const listener = { onReport: () => undefined, onBlind: () => undefined };
  const own = new CollectorRounds({ clock: { ...systemClock, sleep }, random: seededRandom(1), listener });
  const hourly = { ...collector('late', async () => (slept.length < 2 ? [] : [fact('audit.chain.valid', 'late')])) };
  own.start([{ ...hourly, everyMs: 3_600_000 }]);
  await expect.poll(() => slept.length).toBeGreaterThan(2);
  own.close();
  expect(slept.slice(0, 2).every((ms) => ms < 12_000)).toBe(true);
  expect(slept[2]).toBeGreaterThan(3_000_000);
});

test('one that is asked to hurry looks again soon, and not at once', async () => {
  const clock = new VirtualClock(0);
  const looks: number[] = [];
  const listener = {
    onReport: (_: Collector, __: readonly Fact[], at: number) => void looks.push(at),
    onBlind: () => undefined,
  };
  const own = new CollectorRounds({ clock, random: seededRandom(1), listener });
  own.start([{ ...collector('slow', async () => [fact('audit.chain.valid', 'slow')]), everyMs: 3_600_000 }]);
  await clock.advance(500);
  own.hurry('slow');
  await clock.advance(1_000);
  expect(looks).toEqual([0]);
  await clock.advance(60_000);
  expect(looks).toEqual([0, 2_000]);
  own.hurry('slow');
  await clock.advance(10);
  expect(looks).toHaveLength(3);
  own.close();
});
