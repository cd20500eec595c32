import type { Status } from './assess.ts';
import type { ViolationMeasured } from './violation-spans.ts';

/** A result that is another one than before. */
export interface Turn {
  readonly tenant: string;
  readonly framework: string;
  readonly control: string;
  readonly from: Status | null;
  readonly to: Status;
  readonly at: number;
  /** Where it begins or ends a violation: by which measurements. */
  readonly measured?: ViolationMeasured;
}
