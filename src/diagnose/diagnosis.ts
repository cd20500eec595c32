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
  /** Each with its source, strongest first; in examples of each kind when there are very many. */
  readonly evidence: readonly Symptom[];
  /** Keys of all symptoms that this explains, its victims' included. */
  readonly explains: readonly string[];
  /** Who else it may be, best first: the ladder's later rungs may try them. Never the subject of the diagnosis itself. */
  readonly suspects: readonly Suspect[];
  /** Who adds the harm that is felt, by the call graph, when it was opened; left out where nothing was counted. */
  readonly ranking?: Ranking;
}

/** How many symptoms of each name a diagnosis explains, the most frequent first. */
export function symptomCounts({ explains }: Pick<Diagnosis, 'explains'>): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const key of explains) {
    const name = key.slice(0, key.indexOf(' '));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
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

/** The ranking of one trouble as it is told. */
export interface Ranking {
  /** What was to be explained. */
  readonly of: string;
  readonly metric: 'failures' | 'latency';
  readonly verdict: 'cause' | 'cannot-tell';
  readonly reason: string;
  readonly causes: readonly {
    readonly node: string;
    readonly confidence: number;
    readonly evidence: readonly string[];
  }[];
}
