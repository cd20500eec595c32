import { type Detector, NO_CHANGES } from './detector.ts';
import type { Subject } from './symptom.ts';
import { addSpan, type Tally, totalOf } from './tally.ts';

/** Multi-window, multi-burn-rate alerting of the SRE workbook, ch. 5, with its factors; windows scaled to minutes. */
const FAST = { longMs: 60_000, shortMs: 5_000, factor: 14.4 };
const REQUESTS_MIN = 30;

/** A tenant that spends its error budget so fast that it will be gone long before its window ends. */
export function objectiveDetector(
  availabilityOf: (tenant: string) => number | undefined,
): Detector<Readonly<Record<string, Tally>>> {
  return {
    name: 'objective',
    start: () => ({}),
    step(state, sample) {
      if (sample.kind !== 'requests') return { state, changes: NO_CHANGES };
      const availability = availabilityOf(sample.tenant);
      if (availability === undefined) return { state, changes: NO_CHANGES };
      const tally = addSpan(state[sample.tenant] ?? [], sample, FAST.longMs);
      const next = { ...state, [sample.tenant]: tally };
      const long = totalOf(tally, sample.at - FAST.longMs);
      const short = totalOf(tally, sample.at - FAST.shortMs);
      const allowed = FAST.factor * (1 - availability);
      const subject: Subject = { kind: 'tenant', name: sample.tenant };
      const burning = long.count >= REQUESTS_MIN && long.failedShare >= allowed && short.failedShare >= allowed;
      if (!burning) return { state: next, changes: [{ clear: 'objective-burning', subject }] };
      const rate = Math.round(short.failedShare / (1 - availability));
      const raise = {
        name: 'objective-burning' as const,
        subject,
        since: sample.at,
        at: sample.at,
        vantages: short.vantages,
        reason: `${sample.tenant} spends its error budget ${rate} times too fast`,
        evidence: { failedShare: short.failedShare, objective: availability, requests: short.count },
      };
      return { state: next, changes: [{ raise }] };
    },
  };
}
