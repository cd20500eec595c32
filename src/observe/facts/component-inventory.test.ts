import { expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { componentInventory, type ListedComponent, type RunningComponent } from './component-inventory.ts';

const eu: RunningComponent = { workload: 'records', region: 'eu' };
const us: RunningComponent = { workload: 'records', region: 'us' };
const listedAs = (component: string, standby = false): ListedComponent => ({ component, standby });

async function difference(listed: readonly ListedComponent[] | undefined, ...running: readonly RunningComponent[]) {
  const collector = componentInventory({ listed: () => listed, running: () => running, clock });
  const [fact] = await collector.collect(new AbortController().signal);
  return fact?.measured;
}

test('what runs and is not listed counts, and what is listed and does not run; however many processes it has', async () => {
  expect(await difference([listedAs('records/eu')], eu, eu)).toMatchObject({ kind: 'value', value: 0 });
  expect(await difference([listedAs('records/eu')], eu, us)).toMatchObject({ value: 1 });
  expect(await difference([listedAs('records/eu'), listedAs('old/eu')], eu)).toMatchObject({ value: 1 });
  expect(await difference([], eu, us)).toMatchObject({ value: 2 });
});

test('a place to fail over to need not run, and may', async () => {
  const listed = [listedAs('records/eu'), listedAs('records/us', true)];
  expect(await difference(listed, eu)).toMatchObject({ value: 0 });
  expect(await difference(listed, eu, us)).toMatchObject({ value: 0 });
});

test('without a list nothing is known', async () => {
  expect(await difference(undefined, eu)).toMatchObject({
    kind: 'unknown',
    reason: expect.stringContaining('`inventory`'),
  });
});
