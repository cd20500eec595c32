import { expect, test } from 'vitest';
import { Ejection } from './ejection.ts';

test('three failures in a row eject for the tenant alone, and an answer between them starts anew', () => {
  const ejection = new Ejection();
  for (const verdict of ['server-error', 'server-error', 'answered', 'server-error', 'server-error'] as const) {
    ejection.note('acme', verdict, 0);
  }
  expect(ejection.isEjectedFor('acme', 0)).toBe(false);
  ejection.note('acme', 'server-error', 0);
  expect([ejection.isEjectedFor('acme', 1), ejection.isEjectedFor('other', 1), ejection.isEjected(1)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(ejection.isEjectedFor('acme', 1_000)).toBe(false);
});

test('two tenants that see it fail eject it for all', () => {
  const ejection = new Ejection();
  for (const tenant of ['acme', 'other']) for (let n = 0; n < 3; n += 1) ejection.note(tenant, 'server-error', 0);
  expect(ejection.isEjectedFor('third', 1)).toBe(true);
});

test('a refused connection ejects at once, each time for a second more, up to thirty', () => {
  const ejection = new Ejection();
  let nowMs = 0;
  const spans: number[] = [];
  for (let n = 0; n < 35; n += 1) {
    ejection.note('acme', 'unreachable', nowMs);
    const startedMs = nowMs;
    while (ejection.isEjected(nowMs)) nowMs += 500;
    spans.push((nowMs - startedMs) / 1_000);
  }
  expect(spans.slice(0, 3)).toEqual([1, 2, 3]);
  expect(spans.at(-1)).toBe(30);
  ejection.note('acme', 'answered', nowMs + 31_000);
  ejection.note('acme', 'unreachable', nowMs + 31_000);
  expect(ejection.isEjected(nowMs + 31_999)).toBe(true);
  expect(ejection.isEjected(nowMs + 32_000)).toBe(false);
});

test('a time-out of a silent instance ejects at once, one of a busy instance only after three', () => {
  const silent = new Ejection();
  silent.note('acme', 'timeout', 0, true);
  expect(silent.isEjected(1)).toBe(true);
  const busy = new Ejection();
  for (let n = 0; n < 3; n += 1) {
    expect(busy.isEjected(1)).toBe(false);
    busy.note('acme', 'timeout', 0);
  }
  expect(busy.isEjected(1)).toBe(true);
});
