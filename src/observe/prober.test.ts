import { expect, test } from 'vitest';
import { refOf } from '../../test/sim/readings.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { seededRandom } from '../base/random.ts';
import type { ProbeSpec } from '../resources/workload.ts';
import type { Probe } from './probe.ts';
import { createProber, type ProbeAssignment } from './prober.ts';
import type { ProbeSample } from './sample.ts';

const spec: ProbeSpec = { type: 'tcp', intervalMs: 1_000, timeoutMs: 200, fall: 3, rise: 2 };

function assignment(instance: string, more: Partial<ProbeAssignment> = {}): ProbeAssignment {
  const where = { host: '127.0.0.1', port: 1, cwd: '/', env: {} };
  return { ...refOf(instance), ...where, readiness: spec, liveness: undefined, eager: false, ...more };
}

function start(answerAfterMs = 0) {
  const clock = new VirtualClock();
  const samples: ProbeSample[] = [];
  let underWay = 0;
  let most = 0;
  const probe: Probe = {
    type: 'tcp',
    async read(_spec, _target, signal) {
      most = Math.max(most, ++underWay);
      const ok = await clock.sleep(answerAfterMs, signal).then(
        () => true,
        () => false,
      );
      underWay--;
      return { ok, reason: ok ? '' : 'timeout' };
    },
  };
  const onSample = (sample: ProbeSample) => void samples.push(sample);
  const prober = createProber({ probes: [probe], clock, random: seededRandom(1), onSample });
  return { clock, prober, samples, most: () => most };
}

test('a reading is taken at once and then at each interval, give or take a tenth', async () => {
  const { clock, prober, samples } = start();
  prober.assign([assignment('a')]);
  await clock.advance(10_500);
  expect(samples.length).toBeGreaterThanOrEqual(10);
  expect(samples.length).toBeLessThanOrEqual(12);
  const gaps = samples.slice(1).map((sample, i) => sample.at - samples[i]!.at);
  expect(gaps.every((gap) => gap >= 900 && gap <= 1_100)).toBe(true);
  expect(new Set(gaps).size).toBeGreaterThan(1);
  expect(samples[0]).toMatchObject({ ...refOf('a'), probe: 'readiness', ok: true, fall: 3, rise: 2, latencyMs: 0 });
});

test('a probe that does not answer ends at its deadline and is asked again, never twice at a time', async () => {
  const { clock, prober, samples, most } = start(60_000);
  prober.assign([assignment('a')]);
  await clock.advance(5_000);
  expect(samples.length).toBeGreaterThanOrEqual(4);
  expect(samples.every(({ ok, reason, latencyMs }) => !ok && reason === 'timeout' && latencyMs === 200)).toBe(true);
  expect(most()).toBe(1);
});

test('a starting instance is asked more often until it has started', async () => {
  const { clock, prober, samples } = start();
  prober.assign([assignment('a', { eager: true })]);
  await clock.advance(1_000);
  expect(samples.length).toBeGreaterThanOrEqual(20);
  prober.assign([assignment('a')]);
  const before = samples.length;
  await clock.advance(5_000);
  expect(samples.length - before).toBeLessThanOrEqual(7);
});

test('liveness has a rhythm of its own', async () => {
  const { clock, prober, samples } = start();
  prober.assign([assignment('a', { liveness: { ...spec, intervalMs: 5_000 } })]);
  await clock.advance(10_000);
  const alive = samples.filter(({ probe }) => probe === 'liveness');
  expect(alive.length).toBeGreaterThanOrEqual(2);
  expect(alive.length).toBeLessThanOrEqual(3);
});

test('what is no longer assigned is silent, even when its answer was under way', async () => {
  const { clock, prober, samples } = start(100);
  prober.assign([assignment('a'), assignment('b')]);
  await clock.advance(50);
  prober.assign([assignment('b')]);
  await clock.advance(3_000);
  expect(new Set(samples.map(({ instance }) => instance))).toEqual(new Set(['b']));
  prober.close();
  const before = samples.length;
  await clock.advance(3_000);
  expect(samples).toHaveLength(before);
});
