import { printDuration } from '../../base/duration.ts';
import { type Assessment, drillOf, endedAtOf, isSettled, type Sign, signsOf, type Step, tenantsOf } from './breach.ts';
import { ASSESS, type BreachClock, clocksOf } from './clocks.ts';

/** What flickers has not ended. */
const ENDED_MS = 60_000;
/** Longer than the rhythm of whoever measures what follows from a loss. */
const FOLLOWS_MS = 15 * 60_000;
/** Ends and returns of one loss that are told; after that it is known to flicker. */
const TURNS_MAX = 100;

/** How a sign stood when it was last seen, and since when. */
export interface SeenSign {
  readonly sign: Sign | 'well';
  readonly since: number;
}

/** A drill that ended, with what it hurt: the incident that it made, names of things, and what controls said against it. */
export interface DrillMark {
  readonly id: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly incident: string | null;
  /** The subject of its incident, and its target. */
  readonly about: readonly string[];
  /** What was measured of the controls that it violated: `card.logs.plaintext of platform logs is 1 ...`. */
  readonly reasons: readonly string[];
}

/**
 * The undecided assessment that a sign belongs to, or the decided one whose loss has stood ever since. Answers to a tenant
 * that hold what they should not follow from what protects its data: they join a loss of that which is going on.
 */
export function coveringOf(sign: Sign, standing: readonly Assessment[]): Assessment | undefined {
  const own = standing.find(
    (each) =>
      (each.cause === sign.cause || signsOf(each).includes(sign.key)) && (!isSettled(each) || endedAtOf(each) === null),
  );
  return own ?? standing.find((each) => followsFrom(each, sign));
}

function followsFrom(assessment: Assessment, { loss, cause, tenants, detectedAt }: Sign): boolean {
  const endedAt = endedAtOf(assessment);
  const isGoingOn = endedAt === null || detectedAt <= endedAt + ENDED_MS;
  const isSoon = detectedAt >= assessment.detectedAt && detectedAt - assessment.detectedAt <= FOLLOWS_MS;
  const isJudged = assessment.steps.some(({ kind }) => kind === 'decided' || kind === 'closed');
  const touched = tenantsOf(assessment);
  return (
    cause.startsWith('confidentiality tenant ') &&
    loss === assessment.loss &&
    isGoingOn &&
    isSoon &&
    !isJudged &&
    tenants.every((each) => touched.includes(each))
  );
}

/** What there is to add by itself: an end or a return, a drill that it was, a reminder or a deadline that has passed. */
export function dueStep(
  assessment: Assessment,
  seen: ReadonlyMap<string, SeenSign>,
  drills: readonly DrillMark[],
  at: number,
): Step | undefined {
  return turnOf(assessment, seen, at) ?? drillStep(assessment, drills, at) ?? callOf(assessment, at);
}

/** It has ended when each of its signs was seen well for a while, and is back when one is seen again. */
function turnOf(assessment: Assessment, seen: ReadonlyMap<string, SeenSign>, at: number): Step | undefined {
  const turns = assessment.steps.filter(({ kind }) => kind === 'ended' || kind === 'recurred');
  const signs = signsOf(assessment).map((key) => seen.get(key));
  if (turns.at(-1)?.kind === 'ended') {
    const isBack = signs.some((each) => each !== undefined && each.sign !== 'well');
    // What was decided was decided of what was known; what comes after that is assessed anew.
    return isBack && !isSettled(assessment) && turns.length < TURNS_MAX
      ? { kind: 'recurred', at, by: null }
      : undefined;
  }
  const isWell = signs.every((each) => each?.sign === 'well' && at - each.since >= ENDED_MS);
  const endedAt = Math.max(...signs.map((each) => each?.since ?? at));
  return isWell ? { kind: 'ended', endedAt, at, by: null } : undefined;
}

/** A drill marks what it caused, and nothing that merely happened meanwhile. */
function drillStep(assessment: Assessment, drills: readonly DrillMark[], at: number): Step | undefined {
  if (isSettled(assessment) || assessment.steps.some(({ kind }) => kind === 'drill' || kind === 'aware'))
    return undefined;
  const found = drills.find((each) => causedBy(each, assessment));
  return found && { kind: 'drill', drill: found.id, at, by: null };
}

function causedBy({ startedAt, endedAt, incident, about, reasons }: DrillMark, assessment: Assessment): boolean {
  const { detectedAt, cause, loss, tenants } = assessment;
  if (incident !== null && incident === assessment.incident) return true;
  if (detectedAt < startedAt || detectedAt > endedAt) return false;
  const subject = cause.split(' ').slice(2).join(' ');
  const isItsThing = subject !== '' && about.some((each) => each.includes(subject));
  const isItsTenant = loss === 'availability' && tenants.every((each) => about.includes(each));
  return isItsThing || isItsTenant || signsOf(assessment).some((sign) => reasons.some((each) => saysSame(each, sign)));
}

/** `card.logs.plaintext of platform logs is 1 ...` says the same as the sign `fact card.logs.plaintext logs`. */
function saysSame(reason: string, sign: string): boolean {
  const [kind, fact, ...subject] = sign.split(' ');
  return kind === 'fact' && reason.startsWith(`${fact} of `) && reason.includes(` ${subject.join(' ')} `);
}

/** The reminder or the escalation that is due and was not told yet. */
function callOf(assessment: Assessment, at: number): Step | undefined {
  const isTold = (kind: string, key: string) =>
    assessment.steps.some((step) => step.kind === kind && 'clock' in step && step.clock === key);
  for (const { key, state } of clocksOf(assessment, at)) {
    if (state === 'overdue' && !isTold('missed', key)) return { kind: 'missed', clock: key, at, by: null };
    if (state === 'due-soon' && !isTold('reminded', key)) return { kind: 'reminded', clock: key, at, by: null };
  }
  return undefined;
}

/** Whether a step that was thought of a moment ago still says something new. */
export function isNews(assessment: Assessment, step: Step): boolean {
  if (step.kind === 'ended' || step.kind === 'recurred')
    return (endedAtOf(assessment) !== null) === (step.kind === 'recurred');
  const text = wordsOf(step);
  return !assessment.steps.some((each) => wordsOf(each) === text);
}

function wordsOf(step: Step): string {
  if ('clock' in step) return `${step.kind} ${step.clock}`;
  if (step.kind === 'paged') return `paged ${step.of}`;
  return step.kind === 'found' ? `found ${step.sign}` : step.kind;
}

/** A call for a person. `of` names what it is about, so that it is delivered once. */
export interface Call {
  readonly of: string;
  readonly summary: string;
}

/** What a person is to be called about now and was not yet. Drills call nobody, and a service that is back can wait. */
export function callsOf(assessment: Assessment, now: number): readonly Call[] {
  if (drillOf(assessment) !== null) return [];
  const { id, loss, what, steps } = assessment;
  const paged = new Set(steps.flatMap((step) => (step.kind === 'paged' ? [step.of] : [])));
  const clocks = clocksOf(assessment, now);
  const see = `see \`kintsugi breach show ${id}\``;
  const calls = clocks.flatMap((clock): readonly Call[] => {
    if (clock.state === 'overdue')
      return [{ of: `missed ${clock.key}`, summary: `${wordsFor(clock)} is overdue; ${see}` }];
    if (clock.state !== 'due-soon') return [];
    const left = printDuration((clock.dueAt ?? now) - now);
    return [{ of: `reminded ${clock.key}`, summary: `${wordsFor(clock)} is due in ${left}; ${see}` }];
  });
  const isNobodysYet = clocks.some(({ key, state }) => key === ASSESS && state !== 'off');
  const opened = { of: 'opened', summary: `a loss of ${loss} has to be assessed: ${what}; ${see}` };
  return [...(isNobodysYet && loss !== 'availability' ? [opened] : []), ...calls].filter(({ of }) => !paged.has(of));
}

function wordsFor({ duty }: BreachClock): string {
  return duty ? `${duty.tenant}: notice to ${duty.to} (${duty.clause})` : 'the word on what a loss is';
}
