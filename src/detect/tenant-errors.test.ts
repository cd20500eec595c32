import { detectionNumbers } from '../resources/detection-number.ts';
import { expect, test } from 'vitest';
import { requestsAt } from '../../test/sim/readings.ts';
import { seededRandom } from '../base/random.ts';
import { Noise } from '../../test/sim/world/noise.ts';
import { run } from './detector.ts';
import type { Symptom } from './symptom.ts';
import { workloadDetector as workloadBy } from './workload.ts';

const workloadDetector = workloadBy(() => detectionNumbers());

const STEP_MS = 250;

/** Requests a second and the share that fails, by tenant, at a time. */
type Plan = (atMs: number) => Readonly<Record<string, readonly [perSecond: number, share: number]>>;

function claimsIn(seconds: number, plan: Plan, seed: number): readonly Symptom[] {
  const noise = new Noise(seededRandom(seed));
  const detector = run(workloadDetector);
  const claims: Symptom[] = [];
  for (let at = STEP_MS; at <= seconds * 1_000; at += STEP_MS) {
    for (const [tenant, [perSecond, share]] of Object.entries(plan(at))) {
      const total = noise.count((perSecond * STEP_MS) / 1_000);
      if (total === 0) continue;
      const failed = noise.of(total, share);
      const changes = detector.feed(requestsAt(at, tenant, total - failed, failed));
      for (const each of changes) if ('raise' in each && each.raise.name === 'tenant-errors') claims.push(each.raise);
    }
  }
  return claims;
}

test('in an hour in which all fail alike, nobody is told to be alone in it', () => {
  const alike: Plan = () => ({ big: [30, 0.02], small: [3, 0.02], tiny: [0.3, 0.02] });
  for (const seed of [1, 2]) expect(claimsIn(3_600, alike, seed), `seed ${seed}`).toEqual([]);
});

test('who always fails more than the others is as it was', () => {
  // Its clients send what cannot be served, one request in eight, as they ever did.
  const own: Plan = () => ({ big: [30, 0.001], odd: [3, 0.12] });
  for (const seed of [5, 9]) expect(claimsIn(900, own, seed), `seed ${seed}`).toEqual([]);
});

test('a tenant that begins to fail where the others are served is told within seconds', () => {
  const broken: Plan = (at) => ({ big: [30, 0.001], small: [3, at > 300_000 ? 0.5 : 0.001] });
  for (const seed of [6, 7, 8]) {
    const [first] = claimsIn(340, broken, seed);
    expect(first, `seed ${seed}`).toMatchObject({ subject: { kind: 'tenant', name: 'small' } });
    expect(first!.at).toBeGreaterThan(300_000);
    expect(first!.at).toBeLessThan(320_000);
  }
});
