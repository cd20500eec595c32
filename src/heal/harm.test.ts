import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { harmOf, type RepairRecord } from './harm.ts';

const record = (more: Partial<RepairRecord>): RepairRecord => ({
  startedAt: 0,
  endedAt: 120_000,
  before: {},
  during: {},
  keptOut: [],
  instancesLost: [],
  ...more,
});

describe('harm', () => {
  test('is what failed beyond the rate just before the repair', () => {
    const before = { shop: { requests: 1_000, failed: 0 }, clinic: { requests: 1_000, failed: 500 } };
    const during = { shop: { requests: 1_000, failed: 200 }, clinic: { requests: 1_000, failed: 900 } };
    const harm = harmOf(record({ before, during }));
    expect(harm.tenants).toEqual(['shop']);
    expect(harm.failed).toBeGreaterThan(190);
    expect(harm.failed).toBeLessThanOrEqual(200);
    expect(harm.minutes).toBe(2);
  });

  test('leaves out whoever was hurt before: the growth of a fault is not the harm of its repair', () => {
    const before = { shop: { requests: 40, failed: 4 } };
    expect(harmOf(record({ before, during: { shop: { requests: 1_000, failed: 1_000 } } })).failed).toBe(0);
  });

  test('is none when the fault only went on, and none for those whom the repair keeps out', () => {
    const before = { shop: { requests: 400, failed: 100 } };
    expect(harmOf(record({ before, during: { shop: { requests: 800, failed: 205 } } })).failed).toBe(0);
    const well = { shop: { requests: 400, failed: 0 } };
    const out = record({ before: well, during: { shop: { requests: 800, failed: 800 } }, keptOut: ['shop'] });
    expect(harmOf(out)).toMatchObject({ failed: 0, tenants: [], minutes: 0 });
  });

  test('counts instances that no longer serve, also without traffic', () => {
    expect(harmOf(record({ instancesLost: ['records-0'] }))).toMatchObject({ instances: ['records-0'], minutes: 2 });
  });

  test('is never negative, never more than what failed, and grows with what failed', () => {
    const felt = fc
      .nat(10_000)
      .chain((requests) => fc.record({ requests: fc.constant(requests), failed: fc.nat(requests) }));
    fc.assert(
      fc.property(felt, felt, fc.nat(100), (before, during, more) => {
        const of = (failed: number) =>
          harmOf(record({ before: { shop: before }, during: { shop: { ...during, failed } } })).failed;
        const failed = Math.min(during.requests, during.failed + more);
        expect(of(during.failed)).toBeGreaterThanOrEqual(0);
        expect(of(during.failed)).toBeLessThanOrEqual(during.failed);
        expect(of(failed)).toBeGreaterThanOrEqual(of(during.failed));
      }),
    );
  });
});
