import { expect, test } from 'vitest';
import { readFreeBytes } from '../observe/usage-reader.ts';
import { roomFor } from './room.ts';

const MIB = 2 ** 20;
const workload = (instances: Readonly<Record<string, number>>) => ({ spec: { instances } }) as never;
const both = [workload({ eu: 3, us: 1 }), workload({ eu: 1 })];

test('each region where something is declared has what the memory of the machine takes', () => {
  expect(roomFor(both, 1_000 * MIB, 200 * MIB)).toEqual({ eu: 4, us: 4 });
  expect(roomFor(both, 100 * MIB, 200 * MIB)).toEqual({ eu: 0, us: 0 });
  expect(roomFor([], 1_000 * MIB, 200 * MIB)).toEqual({});
});

test('where nothing runs yet, a small service is taken for granted', () => {
  expect(roomFor(both, 160 * MIB, 0)).toEqual({ eu: 2, us: 2 });
});

test('this machine says what is free', () => {
  expect(readFreeBytes()).toBeGreaterThan(MIB);
});
