import type { Clock } from '../base/clock.ts';
import type { IncidentSummary, Status } from './answers.ts';
import type { DrillSubject } from './drill-fault.ts';
import { concerns, isAbout } from './drill-target.ts';
import type { DrillWorld } from './drill-world.ts';
import { epochMsOf } from './moment.ts';

const LOOK_MS = 150;
/** Outcomes after which Kintsugi leaves an incident that is still open to a person. */
const GIVEN_UP = ['escalated', 'stuck'];

/** What was seen of the healing. Times are milliseconds since 1970. */
export interface Sighting {
  readonly outcome: string;
  readonly incident?: IncidentSummary;
  readonly replacedAt?: number;
  readonly restartedAt?: number;
}

export interface Watch {
  readonly world: Pick<DrillWorld, 'status' | 'incidents' | 'children' | 'isServing'>;
  readonly subject: DrillSubject;
  readonly injectedAt: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Aborts when the person has had enough. */
  readonly signal: AbortSignal;
  /** Whether the fault is still being done again and again: then nothing has ended yet. */
  readonly isSustained: () => boolean;
}

/** Watches until the fault is healed, the healing ended otherwise, or the time is over. Resolves with what was seen. */
export async function watchHealing(watch: Watch): Promise<Sighting> {
  const { clock, signal, timeoutMs, subject } = watch;
  const untilMs = clock.monotonicMs() + timeoutMs;
  let sighting: Sighting = { outcome: 'undetected' };
  while (clock.monotonicMs() < untilMs && !signal.aborted) {
    const look = subject.kind === 'process' ? lookAtProcess(watch, sighting) : lookAtIncident(watch, sighting);
    const { done, seen } = await look;
    if (done) return seen;
    sighting = seen;
    await clock.sleep(LOOK_MS, signal).catch(() => {});
  }
  return signal.aborted ? { ...sighting, outcome: 'interrupted' } : sighting;
}

interface Look {
  readonly done: boolean;
  readonly seen: Sighting;
}

async function lookAtProcess({ world, subject, clock }: Watch, before: Sighting): Promise<Look> {
  if (subject.kind !== 'process') return { done: false, seen: before };
  const child = (await world.children())?.find(({ id }) => id === subject.id);
  const isNew = child?.state === 'running' && child.pid !== null && child.pid !== subject.pid;
  if (!isNew) return { done: false, seen: { outcome: 'timeout' } };
  if (!(await world.isServing(subject.id))) return { done: false, seen: { outcome: 'timeout' } };
  return { done: true, seen: { outcome: 'restarted', restartedAt: clock.now() } };
}

async function lookAtIncident(watch: Watch, before: Sighting): Promise<Look> {
  const { world, subject, injectedAt, clock } = watch;
  const [status, incidents] = await Promise.all([world.status(), world.incidents()]);
  if (!status || !incidents) return { done: false, seen: before };
  const answers = incidents.filter((each) => concerns(each, subject) && epochMsOf(each.openedAt) >= injectedAt);
  const incident = principal(answers, subject);
  const replacedAt = before.replacedAt ?? (isReplaced(status, subject) ? clock.now() : undefined);
  const sighting = {
    ...(incident ? { incident } : {}),
    ...(replacedAt === undefined ? {} : { replacedAt }),
  };
  if (!incident) return { done: false, seen: { ...sighting, outcome: 'undetected' } };
  const isOver = answers.every(({ state }) => state === 'closed') && !watch.isSustained();
  // An attempt that did not hold was undone; what counts is how the last one ended.
  const last =
    incident.outcome === 'unwound' ? newestFirst(answers).find(({ outcome }) => outcome === 'healed') : incident;
  const outcome = (last ?? incident).outcome ?? 'closed';
  if (isOver && (outcome !== 'healed' || isWhole(status, subject)))
    return { done: true, seen: { ...sighting, outcome } };
  if (incident.outcome !== null && GIVEN_UP.includes(incident.outcome))
    return { done: true, seen: { ...sighting, outcome } };
  const unfinished = incident.refusal ? 'refused' : 'timeout';
  return { done: false, seen: { ...sighting, outcome: isOver ? unfinished : (incident.outcome ?? unfinished) } };
}

function newestFirst(answers: readonly IncidentSummary[]): readonly IncidentSummary[] {
  return [...answers].sort((a, b) => epochMsOf(b.openedAt) - epochMsOf(a.openedAt));
}

/** The incident about the subject itself, the newest when there are several; without one, the newest that concerns it. */
function principal(answers: readonly IncidentSummary[], subject: DrillSubject): IncidentSummary | undefined {
  const newest = newestFirst(answers);
  const own = subject.kind === 'slot' ? newest.find((each) => isAbout(each, subject.instance)) : undefined;
  return own ?? newest[0];
}

function occupantOf({ workloads }: Status, subject: Extract<DrillSubject, { kind: 'slot' }>) {
  const workload = workloads.find(({ name }) => name === subject.workload);
  return workload?.instances.find(
    ({ role, region, ordinal }) => role === 'occupant' && region === subject.region && ordinal === subject.ordinal,
  );
}

/** Whether another instance serves in the slot. */
function isReplaced(status: Status, subject: DrillSubject): boolean {
  if (subject.kind !== 'slot') return false;
  const occupant = occupantOf(status, subject);
  return occupant?.ready === true && occupant.id !== subject.instance;
}

/** Whether all that should serve does. */
function isWhole(status: Status, subject: DrillSubject): boolean {
  switch (subject.kind) {
    case 'slot':
      return subject.renewed ? isReplaced(status, subject) : occupantOf(status, subject)?.ready === true;
    case 'version': {
      const workload = status.workloads.find(({ name }) => name === subject.workload);
      const occupants = workload?.instances.filter(({ role }) => role === 'occupant') ?? [];
      return occupants.length > 0 && occupants.every(({ ready }) => ready);
    }
    case 'tenant':
    case 'process':
      return true;
  }
}
