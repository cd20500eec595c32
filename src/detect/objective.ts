import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Subject, staysMsOf } from './symptom.ts';
import { addSpan, emptyTally, onsetOf, type Tally, totalOf, vantagesOf } from './tally.ts';

/** Multi-window, multi-burn-rate alerting of the SRE workbook, ch. 5, with its factors; windows scaled to minutes. */
const FAST = { longMs: 60_000, shortMs: 5_000, factor: 14.4 };
const GRAIN = { bucketMs: 1_000, keepMs: FAST.longMs };
const REQUESTS_MIN = 30;

interface Watched {
  readonly tally: Tally;
  isBurning: boolean;
}

/** A tenant that spends its error budget so fast that it will be gone long before its window ends. */
export function objectiveDetector(
  availabilityOf: (tenant: string) => number | undefined,
): Detector<Record<string, Watched>> {
  return {
    name: 'objective',
    start: () => ({}),
    step(state, sample) {
      if (sample.kind !== 'requests') return NO_CHANGES;
      const availability = availabilityOf(sample.tenant);
      if (availability === undefined) return NO_CHANGES;
      const watched = entryOf(state, sample.tenant, () => ({ tally: emptyTally(), isBurning: false }));
      const { tally } = watched;
      const { vantage, at, spanMs, ok, failed } = sample;
      addSpan(tally, GRAIN, { vantage, at, spanMs, ok, failed });
      if (failed === 0 && !watched.isBurning) return NO_CHANGES;
      const long = totalOf(tally, at - FAST.longMs, at);
      const short = totalOf(tally, at - FAST.shortMs, at);
      const allowed = Math.min(1, Math.max(0.001, FAST.factor * (1 - availability)));
      const subject: Subject = { kind: 'tenant', name: sample.tenant };
      const burning = long.count >= REQUESTS_MIN && long.failedShare >= allowed && short.failedShare >= allowed;
      const wasBurning = watched.isBurning;
      watched.isBurning = burning;
      if (!burning) return wasBurning ? [{ clear: 'objective-burning', subject }] : NO_CHANGES;
      const rate = Math.round(short.failedShare / (1 - availability));
      const raise = {
        name: 'objective-burning' as const,
        subject,
        since: onsetOf(tally, allowed / 2, at),
        at,
        vantages: vantagesOf(tally, short.from),
        reason: `${sample.tenant} spends its error budget ${rate} times too fast`,
        evidence: { failedShare: short.failedShare, objective: availability, requests: Math.round(short.count) },
        staysMs: staysMsOf(spanMs),
      };
      return [{ raise }];
    },
  };
}
