import { type Detector, run } from '../../src/detect/detector.ts';
import type { Symptom } from '../../src/detect/symptom.ts';
import { applyChanges, type Symptoms } from '../../src/detect/symptoms.ts';
import type { Sample } from '../../src/observe/sample.ts';

/** The claims that stand after these samples. */
export function claimsAfter<State>(detector: Detector<State>, samples: readonly Sample[]): readonly Symptom[] {
  const running = run(detector);
  const none: Symptoms = new Map();
  return [...samples.reduce((all, sample) => applyChanges(all, running.feed(sample)), none).values()];
}

/** The same in short: `exited records-1`. */
export function standingAfter<State>(detector: Detector<State>, samples: readonly Sample[]): string[] {
  return claimsAfter(detector, samples).map(({ name, subject }) => `${name} ${subject.name}`);
}

/** One sample or some each `everyMs` from `from` up to, not including, `until`. */
export function every(
  everyMs: number,
  from: number,
  until: number,
  make: (at: number, i: number) => Sample | Sample[],
): Sample[] {
  const count = Math.ceil((until - from) / everyMs);
  return Array.from({ length: count }, (_, i) => make(from + i * everyMs, i)).flat();
}
