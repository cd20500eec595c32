import { type Detector, NO_CHANGES } from './detector.ts';
import { instanceSubject } from './symptom.ts';

/** A process that ended without being told to. Certain at once: the keeper is its parent. */
export const exitDetector: Detector<null> = {
  name: 'exit',
  start: () => null,
  step(_state, sample) {
    if (sample.kind === 'retired') return [{ clear: 'exited', subject: instanceSubject(sample) }];
    if (sample.kind !== 'exit' || sample.expected) return NO_CHANGES;
    const how = sample.signal ? `was ended by ${sample.signal}` : `exited with code ${sample.code ?? 'unknown'}`;
    const raise = {
      name: 'exited' as const,
      subject: instanceSubject(sample),
      since: sample.at,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} ${how}`,
      evidence: {
        code: sample.code,
        signal: sample.signal,
        livedMs: sample.livedMs,
        lastLines: sample.lastLines.slice(-5),
      },
    };
    return [{ raise }];
  },
};
