import { type Detector, NO_CHANGES } from './detector.ts';
import { instanceSubject } from './symptom.ts';

/** A process that ended without being told to. Certain at once: the keeper is its parent. */
export const exitDetector: Detector<null> = {
  name: 'exit',
  start: () => null,
  step(state, sample) {
    if (sample.kind === 'retired') return { state, changes: [{ clear: 'exited', subject: instanceSubject(sample) }] };
    if (sample.kind !== 'exit' || sample.expected) return { state, changes: NO_CHANGES };
    const how = sample.signal ? `was ended by ${sample.signal}` : `exited with code ${sample.code ?? 'unknown'}`;
    return {
      state,
      changes: [
        {
          raise: {
            name: 'exited',
            subject: instanceSubject(sample),
            since: sample.at,
            at: sample.at,
            vantages: [sample.vantage],
            reason: `${sample.instance} ${how}`,
            evidence: { code: sample.code, signal: sample.signal, lastLines: sample.lastLines.slice(-5) },
          },
        },
      ],
    };
  },
};
