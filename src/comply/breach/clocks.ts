import { type Assessment, awareAtOf, classifiedAtOf, drillOf, dutiesOf, isClosed, isSettled } from './breach.ts';
import type { Duty, Limit } from './duties.ts';

/**
 * How a clock stands: it waits for what starts it, runs, is near its end, or has passed it; or it is over, because the
 * notice was sent, a person decided that none is owed, or there was never anything to tell (a drill, closed).
 */
export type ClockState = 'waiting' | 'running' | 'due-soon' | 'overdue' | 'sent' | 'sent-late' | 'no-notice' | 'off';

export interface BreachClock {
  /** Unique in its assessment: `clinic-de gdpr-art33.1`, or `assess` for the word of a person on what it is. */
  readonly key: string;
  readonly duty: Duty | null;
  /** Null while it waits. */
  readonly startedAt: number | null;
  readonly dueAt: number | null;
  readonly remindAt: number | null;
  /** The number that binds, with its legal status; null while it waits. */
  readonly limit: Pick<Limit, 'ms' | 'from' | 'status' | 'source'> | null;
  readonly state: ClockState;
  /** What it waits for, in words for people; null when it does not. */
  readonly waitsFor: string | null;
  /** Whether a person decided that the notice is to be sent. */
  readonly isToBeSent: boolean;
  readonly sentAt: number | null;
}

/** The clock of the word that is owed by people here: what is it? No law asks for it, only our policy. */
export const ASSESS = 'assess';

const WAITS: Readonly<Record<Limit['from'], string>> = {
  detection: 'its detection',
  awareness: 'a person to be aware of it',
  classification: 'its classification as major',
  notice: 'the notice before it',
};

/** All clocks of an assessment: they run beside each other, and none stops another. */
export function clocksOf(assessment: Assessment, now: number): readonly BreachClock[] {
  const own = assessClock(assessment, now);
  return [own, ...dutiesOf(assessment).map((duty) => clockOf(assessment, duty, now))];
}

/** Whether its time runs, or has run out: somebody still has to do something. */
export function isRunning({ state }: BreachClock): boolean {
  return state === 'running' || state === 'due-soon' || state === 'overdue';
}

/** Whether a deadline has passed and neither a notice went out nor a person decided against one. */
export function isOverdue({ state, duty }: BreachClock): boolean {
  return state === 'overdue' && duty !== null;
}

function assessClock(assessment: Assessment, now: number): BreachClock {
  const { detectedAt, assessMs, remindShare } = assessment;
  const isSaid = isSettled(assessment) || assessment.steps.some(({ kind }) => kind === 'aware');
  const limit = {
    ms: assessMs,
    from: 'detection',
    status: 'policy-default',
    source: 'Policy breach.assessHours',
  } as const;
  const [remindAt, dueAt] = [detectedAt + assessMs * remindShare, detectedAt + assessMs];
  const isOff = isSaid || drillOf(assessment) !== null;
  const state = isOff ? 'off' : runningState(remindAt, dueAt, now);
  const rest = { duty: null, waitsFor: null, isToBeSent: false, sentAt: null };
  return { key: ASSESS, startedAt: detectedAt, dueAt, remindAt, limit, state, ...rest };
}

function clockOf(assessment: Assessment, duty: Duty, now: number): BreachClock {
  const { remindShare } = assessment;
  const key = clockKey(duty);
  const started = duty.limits.flatMap((limit) => {
    const from = startOf(assessment, duty, limit, now);
    return from === null ? [] : [{ limit, from, dueAt: from + limit.ms }];
  });
  const first = started.toSorted((a, b) => a.dueAt - b.dueAt)[0];
  const sentAt = sentAtOf(assessment, key);
  const decided = assessment.steps.findLast((step) => step.kind === 'decided' && step.clocks.includes(key));
  const isToBeSent = decided?.kind === 'decided' && decided.choice === 'notify';
  const isWaived = decided?.kind === 'decided' && decided.choice === 'no-notice';
  const remindAt = first ? first.from + first.limit.ms * remindShare : null;
  const dueAt = first?.dueAt ?? null;
  const isOff = drillOf(assessment) !== null || isClosed(assessment);
  const rest = {
    key,
    duty,
    startedAt: first?.from ?? null,
    dueAt,
    remindAt,
    limit: first?.limit ?? null,
    isToBeSent,
    sentAt,
  };
  if (sentAt !== null) {
    return { ...rest, state: dueAt !== null && sentAt > dueAt ? 'sent-late' : 'sent', waitsFor: null };
  }
  if (isWaived || isOff) return { ...rest, state: isWaived ? 'no-notice' : 'off', waitsFor: null };
  if (!first) {
    const waitsFor = duty.limits.map(({ from }) => WAITS[from]).join(' or ');
    return { ...rest, state: 'waiting', waitsFor };
  }
  return { ...rest, state: runningState(remindAt ?? now, first.dueAt, now), waitsFor: null };
}

function startOf(assessment: Assessment, { tenant }: Duty, { from, of }: Limit, now: number): number | null {
  switch (from) {
    case 'detection':
      return assessment.detectedAt;
    case 'awareness':
      return awareAtOf(assessment, now);
    case 'classification':
      return classifiedAtOf(assessment);
    case 'notice':
      return of === null ? null : sentAtOf(assessment, clockKey({ tenant, control: of }));
  }
}

function clockKey({ tenant, control }: Pick<Duty, 'tenant' | 'control'>): string {
  return `${tenant} ${control}`;
}

function sentAtOf({ steps }: Assessment, key: string): number | null {
  const times = steps.flatMap((step) => (step.kind === 'sent' && step.clocks.includes(key) ? [step.sentAt] : []));
  return times.length === 0 ? null : Math.min(...times);
}

function runningState(remindAt: number, dueAt: number, now: number): ClockState {
  if (now >= dueAt) return 'overdue';
  return now >= remindAt ? 'due-soon' : 'running';
}
