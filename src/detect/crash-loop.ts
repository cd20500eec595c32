import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { versionSubject } from './symptom.ts';

const DEATHS_KEPT = 50;

/** Times of recent deaths by workload and version. */
type State = Record<string, Record<number, number[]>>;

/** Instances of one version that keep dying, whichever slots they are in: replacing them again will not help. */
export function crashLoopDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
    name: 'crash-loop',
    start: () => ({}),
    step(state, sample) {
      const {
        'crash-loop.deathsMin': deathsMin,
        'crash-loop.windowMs': windowMs,
        'crash-loop.youngMs': youngMs,
      } = numbers();
      const died =
        (sample.kind === 'exit' && !sample.expected && sample.livedMs < youngMs) || sample.kind === 'start-failed';
      // Probes of those who live tell the time: a loop is over when nobody died for long enough.
      if (!died && sample.kind !== 'probe') return NO_CHANGES;
      if (!died && state[sample.workload]?.[sample.version] === undefined) return NO_CHANGES;
      const versions = entryOf(state, sample.workload, noVersions);
      const known = versions[sample.version] ?? [];
      if (died) known.push(sample.at);
      const deaths = known.filter((at) => at > sample.at - windowMs).slice(-DEATHS_KEPT);
      if (deaths.length > 0) versions[sample.version] = deaths;
      else delete versions[sample.version];
      if (!died && (deaths.length >= deathsMin || deaths.length === known.length)) return NO_CHANGES;
      const subject = versionSubject(sample.workload, sample.version);
      if (deaths.length < deathsMin) return [{ clear: 'crash-loop', subject }];
      const raise = {
        name: 'crash-loop' as const,
        subject,
        since: deaths[0]!,
        at: sample.at,
        vantages: [sample.vantage],
        reason: `${deaths.length} instances of ${subject.name} died within ${windowMs / 1000} s`,
        evidence: { deaths: deaths.length, windowMs },
      };
      return [{ raise }];
    },
  };
}

function noVersions(): Record<number, number[]> {
  return {};
}
