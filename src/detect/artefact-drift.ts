import { type Detector, NO_CHANGES } from './detector.ts';
import type { Subject } from './symptom.ts';

/** The artefact on disk is not what was declared: the next start would run something else, so it is refused. */
export const artefactDriftDetector: Detector<null> = {
  name: 'artefact-drift',
  start: () => null,
  step(_state, sample) {
    if (sample.kind !== 'artefact') return NO_CHANGES;
    const subject: Subject = { kind: 'workload', name: sample.workload };
    if (sample.matches) return [{ clear: 'artefact-drift', subject }];
    const raise = {
      name: 'artefact-drift' as const,
      subject,
      since: sample.at,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `the artefact of ${sample.workload} version ${sample.version} differs from its digest`,
      evidence: { version: sample.version },
    };
    return [{ raise }];
  },
};
