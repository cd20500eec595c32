import { type Detector, NO_CHANGES } from './detector.ts';
import { instanceSubject } from './symptom.ts';

/** An instance that could not be started or did not become ready before its deadline. */
export const startFailureDetector: Detector<null> = {
  name: 'start-failure',
  start: () => null,
  step(_state, sample) {
    if (sample.kind === 'retired') return [{ clear: 'start-failed', subject: instanceSubject(sample) }];
    if (sample.kind !== 'start-failed') return NO_CHANGES;
    const raise = {
      name: 'start-failed' as const,
      subject: instanceSubject(sample),
      since: sample.at,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} did not start: ${sample.reason}`,
      evidence: { reason: sample.reason },
    };
    return [{ raise }];
  },
};
