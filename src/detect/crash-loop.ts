import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { versionSubject } from './symptom.ts';

/** Systemd gives up after 5 starts in 10 s, OTP after 2 in 5 s; a replacement here takes about a second. */
const EXITS = 3;
const WINDOW_MS = 60_000;
/** Only who dies young is in a loop: a machine that lost its power kills many who lived long, once. */
const YOUNG_MS = 30_000;
const DEATHS_KEPT = 50;

/** Times of recent deaths by workload and version. */
type State = Record<string, Record<number, number[]>>;

/** Instances of one version that keep dying, whichever slots they are in: replacing them again will not help. */
export const crashLoopDetector: Detector<State> = {
  name: 'crash-loop',
  start: () => ({}),
  step(state, sample) {
    const died =
      (sample.kind === 'exit' && !sample.expected && sample.livedMs < YOUNG_MS) || sample.kind === 'start-failed';
    // Probes of those who live tell the time: a loop is over when nobody died for long enough.
    if (!died && sample.kind !== 'probe') return NO_CHANGES;
    if (!died && state[sample.workload]?.[sample.version] === undefined) return NO_CHANGES;
    const versions = entryOf(state, sample.workload, noVersions);
    const known = versions[sample.version] ?? [];
    if (died) known.push(sample.at);
    const deaths = known.filter((at) => at > sample.at - WINDOW_MS).slice(-DEATHS_KEPT);
    if (deaths.length > 0) versions[sample.version] = deaths;
    else delete versions[sample.version];
    if (!died && (deaths.length >= EXITS || deaths.length === known.length)) return NO_CHANGES;
    const subject = versionSubject(sample.workload, sample.version);
    if (deaths.length < EXITS) return [{ clear: 'crash-loop', subject }];
    const raise = {
      name: 'crash-loop' as const,
      subject,
      since: deaths[0]!,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${deaths.length} instances of ${subject.name} died within ${WINDOW_MS / 1000} s`,
      evidence: { deaths: deaths.length, windowMs: WINDOW_MS },
    };
    return [{ raise }];
  },
};

function noVersions(): Record<number, number[]> {
  return {};
}
