import type { Subject, Symptom } from '../detect/symptom.ts';
import type { Cause } from '../resources/playbook.ts';

/** The suspected cause of some symptoms, with its evidence. Two diagnoses with one key are the same incident. */
export interface Diagnosis {
  readonly key: string;
  readonly cause: Cause;
  /** What has to be healed: the cause, not the victim. */
  readonly subject: Subject;
  /** The workload it happens in, if it is one. */
  readonly workload: string | null;
  /** One sentence for people. */
  readonly summary: string;
  /** Each with its source, strongest first. */
  readonly evidence: readonly Symptom[];
  /** Keys of all symptoms that this explains, its victims' included. */
  readonly explains: readonly string[];
  /** Who else it may be, best first: the ladder's later rungs may try them. Never the subject of the diagnosis itself. */
  readonly suspects: readonly Suspect[];
}

/** Another explanation of the same symptoms, and what speaks for it. */
export interface Suspect {
  readonly cause: Cause;
  readonly subject: Subject;
  /** 0 to 1; comparable within one diagnosis only. */
  readonly score: number;
  /** One sentence for people. */
  readonly why: string;
}
