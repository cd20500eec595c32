import { expect, test } from 'vitest';
import type { ArtefactSample } from '../observe/sample.ts';
import { artefactDriftDetector } from './artefact-drift.ts';
import { run } from './detector.ts';
import { applyChanges, type Symptoms } from './symptoms.ts';

test('a difference is a claim until the artefact is what it was', () => {
  const standing = (samples: readonly ArtefactSample[]) => {
    const running = run(artefactDriftDetector);
    const none: Symptoms = new Map();
    const all = samples.reduce((claims, sample) => applyChanges(claims, running.feed(sample)), none);
    return [...all.values()].map(({ name, subject }) => `${name} ${subject.name}`);
  };
  const measured = (at: number, matches: boolean): ArtefactSample => {
    return { kind: 'artefact', at, vantage: 'control', workload: 'records', version: 1, matches };
  };
  expect(standing([measured(1, false)])).toEqual(['artefact-drift records']);
  expect(standing([measured(1, false), measured(2, true)])).toEqual([]);
});
