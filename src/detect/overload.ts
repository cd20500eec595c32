import type { Sample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { quantileMsOf } from './histogram.ts';
import { type Change, type Subject, staysMsOf } from './symptom.ts';
import { latencyOf, totalOf, vantagesOf } from './tally.ts';
import { followSpan, startTrack, type Track, usualPerSecond, usualQuantileMs } from './usual.ts';

const RECENT_MS = 5_000;
const GRAIN = { bucketMs: 500, keepMs: RECENT_MS };
const BASELINE_MIN_MS = 20_000;
const LATENCIES_MIN = 20;
const TIMES_NORMAL = 1.5;
/** What failed by it is felt a little longer: the claim that explains that stays as long. */
const CALM_FOR_MS = 8_000;
/** Below this part of what raises it a standing claim only explains what is left of it. */
const OVER_AT = 0.8;

interface Watched {
  readonly track: Track;
  isOverloaded: boolean;
  /** When it last was. */
  seenAt: number;
}

/** More load than usual and everything slower with it: capacity, not a crash. */
export function overloadDetector(numbers: () => DetectionNumbers): Detector<Record<string, Watched>> {
  return { name: 'overload', start: () => ({}), step: (state, sample) => step(state, sample, numbers()) };
}

function step(state: Record<string, Watched>, sample: Sample, numbers: DetectionNumbers): readonly Change[] {
  if (sample.kind !== 'requests') return NO_CHANGES;
  const watched = entryOf(state, sample.workload, () => ({ track: startTrack(), isOverloaded: false, seenAt: 0 }));
  const { track } = watched;
  followSpan(track, GRAIN, sample, watched.isOverloaded);
  const { at, workload, spanMs } = sample;
  const perSecond = totalOf(track.recent, at - RECENT_MS, at).count / (RECENT_MS / 1_000);
  const usual = usualPerSecond(track, BASELINE_MIN_MS);
  const load = usual === undefined ? 0 : perSecond / Math.max(usual, 0.001);
  const slow =
    load >= numbers['overload.timesLoad'] || watched.isOverloaded
      ? slownessOf(track, at, watched.isOverloaded, numbers)
      : undefined;
  const subject: Subject = { kind: 'workload', name: workload };
  if (slow === undefined) {
    if (!watched.isOverloaded) return NO_CHANGES;
    if (at - watched.seenAt < CALM_FOR_MS) return [{ over: 'overloaded', subject }];
    watched.isOverloaded = false;
    return [{ clear: 'overloaded', subject }];
  }
  watched.isOverloaded = true;
  watched.seenAt = at;
  const { medianMs, usualMedianMs } = slow;
  const isOver = medianMs < OVER_AT * numbers['overload.timesSlower'] * usualMedianMs;
  const raise = {
    name: 'overloaded' as const,
    subject,
    since: at,
    at,
    vantages: vantagesOf(track.recent, at - RECENT_MS),
    reason: `${workload} has ${load.toFixed(1)} times its usual load and takes ${Math.round(medianMs)} ms instead of ${Math.round(usualMedianMs)} ms`,
    evidence: { load, medianMs, usualMedianMs },
    staysMs: staysMsOf(spanMs),
    ...(isOver ? { over: true as const } : {}),
  };
  return [{ raise }];
}

/** What has piled up lasts longer than the load: a standing claim goes when it is no slower than usual. */
function slownessOf(
  track: Track,
  at: number,
  isClaimed: boolean,
  numbers: DetectionNumbers,
): { medianMs: number; usualMedianMs: number } | undefined {
  const latency = latencyOf(track.recent, at - RECENT_MS);
  const medianMs = latency && quantileMsOf(latency, 0.5);
  const usualMedianMs = usualQuantileMs(track, 0.5, LATENCIES_MIN);
  if (medianMs === undefined || usualMedianMs === undefined) return undefined;
  const slowerMs = numbers['overload.slowerMinMs'];
  const isSlower = isClaimed
    ? medianMs >= TIMES_NORMAL * usualMedianMs && medianMs >= usualMedianMs + slowerMs / 4
    : medianMs >= numbers['overload.timesSlower'] * usualMedianMs && medianMs >= usualMedianMs + slowerMs;
  return isSlower ? { medianMs, usualMedianMs } : undefined;
}
