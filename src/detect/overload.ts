import { quantileMs } from '../base/latency-sketch.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import type { Subject } from './symptom.ts';
import { addSpan, type Tally, totalOf } from './tally.ts';

const RECENT_MS = 5_000;
const BASELINE_MS = 60_000;
const BASELINE_MIN_MS = 20_000;
const TIMES_LOAD = 1.5;
const TIMES_SLOWER = 4;
const SLOWER_MS_MIN = 100;

interface Watched {
  readonly since: number;
  readonly tally: Tally;
}

/** More load than usual and everything slower with it: capacity, not a crash. */
export const overloadDetector: Detector<Readonly<Record<string, Watched>>> = {
  name: 'overload',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind !== 'requests') return { state, changes: NO_CHANGES };
    const before = state[sample.workload] ?? { since: sample.at, tally: [] };
    const watched = { ...before, tally: addSpan(before.tally, sample, BASELINE_MS) };
    const next = { ...state, [sample.workload]: watched };
    const subject: Subject = { kind: 'workload', name: sample.workload };
    const from = Math.max(watched.since, sample.at - BASELINE_MS);
    const usualMs = sample.at - RECENT_MS - from;
    if (usualMs < BASELINE_MIN_MS) return { state: next, changes: NO_CHANGES };
    const recent = totalOf(watched.tally, sample.at - RECENT_MS);
    const usual = totalOf(watched.tally, from, sample.at - RECENT_MS);
    const load = recent.count / RECENT_MS / Math.max(usual.count / usualMs, 1e-6);
    const nowMs = quantileMs(recent.latency, 0.5) ?? 0;
    const thenMs = quantileMs(usual.latency, 0.5) ?? 0;
    const overloaded = load >= TIMES_LOAD && nowMs >= TIMES_SLOWER * thenMs && nowMs >= thenMs + SLOWER_MS_MIN;
    if (!overloaded) return { state: next, changes: [{ clear: 'overloaded', subject }] };
    const raise = {
      name: 'overloaded' as const,
      subject,
      since: sample.at,
      at: sample.at,
      vantages: recent.vantages,
      reason: `${sample.workload} has ${load.toFixed(1)} times its usual load and takes ${Math.round(nowMs)} ms instead of ${Math.round(thenMs)} ms`,
      evidence: { load, medianMs: nowMs, usualMedianMs: thenMs },
    };
    return { state: next, changes: [{ raise }] };
  },
};
