import type { Subject } from './symptom.ts';

/** A value of a series, in its unit. */
export interface AccountPoint {
  readonly at: number;
  readonly value: number;
}

/** Why the newest value of a series is out of the usual. */
export interface Unusual {
  readonly at: number;
  readonly channel: 'novel' | 'local';
  /** 1 is worth a word. */
  readonly severity: number;
  /** One in how many values of this series was as severe. */
  readonly oneIn: number;
  /** What it was looked at as, and out of which range. */
  readonly views: readonly {
    readonly view: string;
    readonly seen: number;
    readonly low: number;
    readonly high: number;
  }[];
}

/** When a level reaches its limit. */
export type Outlook =
  | { readonly kind: 'unknown' | 'safe' | 'gone'; readonly limit: number | null }
  | {
      readonly kind: 'exhausts';
      readonly limit: number;
      readonly perHour: number;
      readonly atMs: number;
      /** The true time lies in here nine times in ten. */
      readonly earliestMs: number;
      readonly latestMs: number;
    };

/** How one objective of a tenant stands. */
export interface BudgetAccount {
  readonly counts: 'failed' | 'slow';
  readonly target: number;
  readonly periodMs: number;
  /** Share of the error budget that is left; negative when it is overspent, null before any request. */
  readonly left: number | null;
  /** When it will be spent at the present pace; null when it will not. */
  readonly spentInMs: number | null;
  readonly burns: readonly {
    readonly pair: string;
    readonly factor: number;
    readonly long: number;
    readonly short: number;
    readonly state: 'burning' | 'well' | 'too-quiet';
  }[];
}

/** How the requests to the newest version of a workload go, beside the version that served when it came. */
export interface ReleaseAccount {
  readonly workload: string;
  readonly version: number;
  /** What part of its requests fails, and of those of the version before. */
  readonly summary: string;
  /** So much worse that it may be no chance: not enough to go back from it, and too much to give it to more tenants. */
  readonly isDoubted: boolean;
}

/** What a detector knows of one series, for people: plain data. What is not known is null. */
export interface Account {
  /** `instance records-eu-0 memory`: kind and name of the subject, and what is measured. */
  readonly series: string;
  readonly subject: Pick<Subject, 'kind' | 'name'>;
  readonly unit: string;
  /** Oldest first. */
  readonly points: readonly AccountPoint[];
  readonly expected: { readonly low: number; readonly high: number } | null;
  readonly unusual: Unusual | null;
  readonly outlook: Outlook | null;
  readonly budgets: readonly BudgetAccount[];
  readonly release: ReleaseAccount | null;
  /** The numbers it is judged by, by their name in a Policy. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** An account with nothing known yet. */
export function emptyAccount(subject: Account['subject'], measure: string, unit: string): Account {
  const { kind, name } = subject;
  const nothing = { points: [], expected: null, unusual: null, outlook: null, budgets: [], release: null, numbers: {} };
  return { series: `${kind} ${name} ${measure}`, subject: { kind, name }, unit, ...nothing };
}
