import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { afterLook, BelievedTime } from './believed-time.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.parse('2026-01-01T00:00:00Z');

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kin-believed-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A machine whose clock can be set, with a ledger that runs on it and looks every hour. */
class Machine {
  nowMs = START_MS;
  monotonicMs = 0;
  witnessedMs: number | undefined;
  believed: number | undefined;
  time = this.start();

  start(): BelievedTime {
    this.time = new BelievedTime({
      dir,
      clock: { now: () => this.nowMs, monotonicMs: () => this.monotonicMs },
      witnessedMs: () => this.witnessedMs,
    });
    return this.time;
  }

  run(ms: number): number | undefined {
    for (let left = ms; left > 0; left -= HOUR_MS) {
      this.nowMs += HOUR_MS;
      this.monotonicMs += HOUR_MS;
      this.believed = this.time.look();
    }
    return this.believed;
  }

  /** It is off for so long; its clock goes on. */
  off(ms: number): void {
    this.nowMs += ms;
    this.monotonicMs = 0;
    this.start();
  }
}

test('a time is believed when the clock has shown it for 48 hours of running', () => {
  const machine = new Machine();
  expect(machine.run(48 * HOUR_MS)).toBeUndefined();
  expect(machine.time.leftMs()).toBeGreaterThan(0);
  const believed = machine.run(2 * HOUR_MS)!;
  expect(machine.time.leftMs()).toBe(0);
  expect(believed).toBeGreaterThanOrEqual(START_MS);
  expect(machine.run(5 * DAY_MS)! - machine.nowMs).toBeGreaterThan(-50 * HOUR_MS);
});

test('a clock that is set ahead for a day is never believed, one that stays is after 48 hours', () => {
  const machine = new Machine();
  machine.run(4 * DAY_MS);
  machine.nowMs += 3000 * DAY_MS;
  expect(machine.run(DAY_MS)).toBeLessThan(START_MS + 11 * DAY_MS);
  machine.nowMs -= 3000 * DAY_MS;
  expect(machine.run(4 * DAY_MS)).toBeLessThan(machine.nowMs);
  machine.nowMs += 3000 * DAY_MS;
  expect(machine.run(47 * HOUR_MS)).toBeLessThan(START_MS + 30 * DAY_MS);
  expect(machine.run(3 * HOUR_MS)).toBeGreaterThan(START_MS + 3000 * DAY_MS);
});

test('a clock that is set ahead before a restart, or while the machine is off, is believed no earlier', () => {
  const machine = new Machine();
  machine.run(4 * DAY_MS);
  machine.off(3000 * DAY_MS);
  for (let restart = 0; restart < 40; restart += 1) {
    expect(machine.run(HOUR_MS)).toBeLessThan(START_MS + 11 * DAY_MS);
    machine.off(DAY_MS);
  }
  expect(machine.run(12 * HOUR_MS)).toBeGreaterThan(START_MS + 3000 * DAY_MS);
});

test('of a clock that is set back, what it showed before is forgotten', () => {
  const machine = new Machine();
  const before = machine.run(4 * DAY_MS)!;
  machine.nowMs -= 5 * HOUR_MS;
  expect(machine.run(HOUR_MS)).toBe(before + HOUR_MS);
  machine.nowMs -= 400 * DAY_MS;
  expect(machine.run(HOUR_MS)).toBeUndefined();
  machine.nowMs += 400 * DAY_MS;
  expect(machine.run(47 * HOUR_MS) ?? 0).toBeLessThan(START_MS);
  expect(machine.run(3 * HOUR_MS)).toBeGreaterThan(START_MS);
});

test('witnesses whose clocks are behind hold it back', () => {
  const machine = new Machine();
  machine.witnessedMs = START_MS - DAY_MS;
  expect(machine.run(4 * DAY_MS)).toBe(START_MS - DAY_MS);
});

test('a lost or damaged memory begins anew', () => {
  const machine = new Machine();
  machine.run(4 * DAY_MS);
  for (const text of ['', 'no JSON', '{"ranMs":9e15}', '[]', '{"ranMs":1,"looks":[{"ranMs":0}]}']) {
    writeFileSync(join(dir, 'retention-clock.json'), text);
    machine.start();
    expect(machine.time.look(), text).toBeUndefined();
  }
});

test('whatever becomes of the clock, nothing later is believed than what it showed for 48 hours of running', () => {
  const step = fc.record({ hours: fc.integer({ min: 1, max: 30 }), jumpHours: fc.integer({ min: -900, max: 900 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const shown: { readonly ranMs: number; readonly nowMs: number }[] = [];
      let state: Parameters<typeof afterLook>[0] = { ranMs: 0, looks: [] };
      let [ranMs, nowMs] = [0, START_MS];
      for (const { hours, jumpHours } of steps) {
        nowMs += jumpHours * HOUR_MS;
        for (let half = 0; half < 2 * hours; half += 1) {
          nowMs += HOUR_MS / 2;
          ranMs += HOUR_MS / 2;
          shown.push({ ranMs, nowMs });
          const after = afterLook(state, { ranMs, nowMs });
          state = after.state;
          if (after.believedMs === undefined) continue;
          const since = shown.filter((look) => look.ranMs >= ranMs - 48 * HOUR_MS);
          expect(since[0]?.ranMs).toBe(ranMs - 48 * HOUR_MS);
          expect(after.believedMs).toBeLessThanOrEqual(Math.min(...since.map((look) => look.nowMs)));
        }
      }
    }),
  );
});
