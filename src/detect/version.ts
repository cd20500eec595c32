import { type Detector, NO_CHANGES } from './detector.ts';
import { type Change, versionSubject } from './symptom.ts';
import { addSpan, type Tally, totalOf } from './tally.ts';

const WINDOW_MS = 5_000;
const REQUESTS_MIN = 15;
const FAILED_SHARE_MIN = 0.05;
const TIMES_WORSE = 3;
/** How long the behaviour of a version is remembered, so that it can be compared after its last instance is gone. */
const KEEP_MS = 120_000;

type State = Readonly<Record<string, Readonly<Record<string, Tally>>>>;

/** Error rate of the newest version of a workload against the one before: what changed last is the first suspect. */
export const versionDetector: Detector<State> = {
  name: 'version',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind !== 'tries') return { state, changes: NO_CHANGES };
    const versions = state[sample.workload] ?? {};
    const tally = addSpan(versions[sample.version] ?? [], sample, KEEP_MS);
    const next: State = { ...state, [sample.workload]: { ...versions, [sample.version]: tally } };
    return { state: next, changes: judge(next[sample.workload]!, sample.workload, sample.version, sample.at) };
  },
};

function judge(
  versions: Readonly<Record<string, Tally>>,
  workload: string,
  version: number,
  at: number,
): readonly Change[] {
  const others = Object.keys(versions).map(Number);
  const previous = Math.max(...others.filter((each) => each !== version));
  if (!Number.isFinite(previous) || version < Math.max(...others)) return NO_CHANGES;
  const subject = versionSubject(workload, version);
  const own = totalOf(versions[version]!, at - WINDOW_MS);
  const before = totalOf(versions[previous]!, at - KEEP_MS);
  if (own.count < REQUESTS_MIN) return NO_CHANGES;
  const worse = own.failedShare >= FAILED_SHARE_MIN && own.failedShare >= TIMES_WORSE * before.failedShare;
  if (!worse) return [{ clear: 'version-errors', subject }];
  const percent = Math.round(own.failedShare * 100);
  return [
    {
      raise: {
        name: 'version-errors',
        subject,
        since: at,
        at,
        vantages: own.vantages,
        reason: `${percent} % of requests to ${subject.name} fail, ${Math.round(before.failedShare * 100)} % did at version ${previous}`,
        evidence: {
          failedShare: own.failedShare,
          requests: own.count,
          previous,
          previousFailedShare: before.failedShare,
        },
      },
    },
  ];
}
