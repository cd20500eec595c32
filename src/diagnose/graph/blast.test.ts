import { expect, test } from 'vitest';
import { blastOf, type Dimension, type Part } from './blast.ts';

function part(dimension: Dimension, name: string, requests: number, bad: number, baselineBad = 0): Part {
  return { dimension, name, requests, bad, baselineRequests: 1_000, baselineBad };
}

test('one instance that fails alone is named with its shares', () => {
  const parts = [part('instance', 'a', 100, 1), part('instance', 'b', 100, 60), part('instance', 'c', 100, 0)];
  expect(blastOf(parts)).toMatchObject({ kind: 'one', dimension: 'instance', name: 'b', requestShare: 1 / 3 });
});

test('trouble in proportion to the traffic is of everything', () => {
  const parts = [part('instance', 'a', 100, 20), part('instance', 'b', 100, 22), part('zone', 'x', 90, 20)];
  expect(blastOf([...parts, part('zone', 'y', 110, 22)])).toEqual({ kind: 'everything' });
});

test('a part that has nearly all of the traffic is not to blame for having all of the harm', () => {
  expect(blastOf([part('tenant', 'big', 990, 60), part('tenant', 'small', 10, 0)])).toEqual({ kind: 'everything' });
});

test('what was bad before is not part of the harm', () => {
  const parts = [part('route', '/old', 100, 50, 500), part('route', '/new', 100, 12)];
  expect(blastOf(parts)).toMatchObject({ kind: 'one', name: '/new' });
});

test('the dimension that confines the harm best is named', () => {
  const parts = [
    part('instance', 'a', 50, 10),
    part('instance', 'b', 50, 10),
    part('instance', 'c', 50, 0),
    part('instance', 'd', 50, 0),
    part('version', '2', 100, 20),
    part('version', '1', 100, 0),
  ];
  expect(blastOf(parts)).toMatchObject({ kind: 'one', dimension: 'version', name: '2' });
});

test('without parts to compare, or without harm, it is unknown', () => {
  expect(blastOf([])).toEqual({ kind: 'unknown' });
  expect(blastOf([part('zone', 'x', 100, 50)])).toEqual({ kind: 'unknown' });
  expect(blastOf([part('zone', 'x', 100, 0), part('zone', 'y', 100, 0)])).toEqual({ kind: 'unknown' });
});

test('a new version without a past is compared with the past of the others', () => {
  const fresh = { ...part('version', '2', 100, 30), baselineRequests: 0 };
  expect(blastOf([fresh, part('version', '1', 900, 9, 10)])).toMatchObject({ kind: 'one', name: '2' });
});
