import { type Detector, NO_CHANGES } from './detector.ts';
import { versionSubject } from './symptom.ts';

/** Systemd gives up after 5 starts in 10 s, OTP after 2 in 5 s; a replacement here takes about a second. */
const EXITS = 3;
const WINDOW_MS = 60_000;
/** Only who dies young is in a loop: a machine that lost its power kills many who lived long, once. */
const YOUNG_MS = 30_000;

/** Instances of one version that keep dying, whichever slots they are in: replacing them again will not help. */
export const crashLoopDetector: Detector<Readonly<Record<string, readonly number[]>>> = {
  name: 'crash-loop',
  start: () => ({}),
  step(state, sample) {
    const died =
      (sample.kind === 'exit' && !sample.expected && sample.livedMs < YOUNG_MS) || sample.kind === 'start-failed';
    if (!died && sample.kind !== 'probe') return { state, changes: NO_CHANGES };
    const subject = versionSubject(sample.workload, sample.version);
    const known = state[subject.name] ?? [];
    // Probes of those who live tell the time: a loop is over when nobody died for long enough.
    if (!died && known.length === 0) return { state, changes: NO_CHANGES };
    const all = died ? [...known, sample.at] : known;
    const deaths = all.filter((at) => at > sample.at - WINDOW_MS).slice(-50);
    const next = { ...state, [subject.name]: deaths };
    if (!died && deaths.length >= EXITS) return { state: next, changes: NO_CHANGES };
    if (deaths.length < EXITS) return { state: next, changes: [{ clear: 'crash-loop', subject }] };
    const raise = {
      name: 'crash-loop' as const,
      subject,
      since: deaths[0]!,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${deaths.length} instances of ${subject.name} died within ${WINDOW_MS / 1000} s`,
      evidence: { deaths: deaths.length, windowMs: WINDOW_MS },
    };
    return { state: next, changes: [{ raise }] };
  },
};
