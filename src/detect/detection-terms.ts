import type { DetectionNumbers } from '../resources/detection-number.ts';
import type { Promised } from './promised.ts';

/** What people declared and detectors go by. It is asked each time, because it changes while they run. */
export interface DetectionTerms {
  /** What a tenant was promised; undefined for one that nobody declared. */
  readonly promisedTo: (tenant: string) => Promised | undefined;
  readonly numbers: () => DetectionNumbers;
}
