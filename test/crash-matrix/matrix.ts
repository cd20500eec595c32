import type { Moment } from '../sim/calamity.ts';
import type { Picture } from '../sim/fleet-in-memory.ts';
import type { Outcome } from '../../src/heal/plan.ts';
import { COURSES, type Course } from './course.ts';
import { Trial } from './trial.ts';

/** What came of one course under every death. */
export interface CourseResult {
  readonly of: string;
  readonly what: string;
  readonly ends: Outcome;
  /** Journal writes and driver calls of the undisturbed run: each is a place to die before and after. */
  readonly acts: number;
  /** Runs in which a leader died, was deposed or stood still, once or twice. */
  readonly trials: number;
  readonly holes: readonly string[];
}

export interface MatrixOptions {
  /** No more pairs of deaths in a row than these, spread evenly over all that there are, for one course. */
  readonly pairsMax: number;
  /** All pairs of the plain courses of each move: it heals, and it does not heal. */
  readonly allPairs: boolean;
}

const HOWS = ['killed', 'deposed', 'paused'] as const;
const WHENS = ['before', 'after'] as const;
/** The other courses repeat the plain ones, with one thing more in them each. */
export const WHOLE: MatrixOptions = { pairsMax: 400, allPairs: true };
const PLAIN: readonly string[] = ['heals', 'does not heal'];
/** No more than these are told of one course: they mostly say the same. */
const HOLES_MAX = 5;

/** Runs every course, with every effect failing in turn, under every death. */
export async function runMatrix(options: MatrixOptions, courses = COURSES): Promise<readonly CourseResult[]> {
  const results: CourseResult[] = [];
  for (const course of courses) {
    results.push(await runCourse(course, options));
    for (const faulty of await faultsOf(course)) results.push(await runCourse(faulty, options));
  }
  return results;
}

/** The courses of one move in which each effect of its apply and of its undo fails in turn. */
async function faultsOf(course: Course): Promise<readonly Course[]> {
  const { of, what, neverReady, ends } = course;
  const isUndoneEarly = (of === 'replace' || of === 'restart') && neverReady !== undefined && ends === 'unwound';
  if (what !== 'does not heal' && !isUndoneEarly) return [];
  const trial = new Trial(course);
  await trial.toItsEnd();
  return [...trial.effects].flatMap(([key, names]) =>
    names.map((name): Course => {
      const verb = key.endsWith(':undo') ? 'undo' : 'apply';
      const how = isUndoneEarly ? `${what}, and ${verb}` : verb;
      return {
        ...course,
        what: `${how} fails at: ${name}`,
        fault: { key, name },
        ends: verb === 'undo' ? 'stuck' : 'unwound',
      };
    }),
  );
}

async function runCourse(course: Course, options: MatrixOptions): Promise<CourseResult> {
  const { trial, outcome, acts } = await undisturbed(course);
  const holes = trial.holes(outcome).map((hole) => `undisturbed: ${hole}`);
  const picture = trial.fleet.picture();
  let trials = 0;
  for (const ends of deathsOf({ acts, what: course.what }, options)) {
    trials++;
    const found = await disturbed(course, ends, picture);
    holes.push(...found.map((hole) => `${ends.map(nameOf).join(', then ')}: ${hole}`));
  }
  const { of, what } = course;
  return { of, what, ends: course.ends, acts, trials, holes: holes.slice(0, HOLES_MAX) };
}

async function undisturbed(course: Course) {
  const trial = new Trial(course);
  let acts = 0;
  let outcome: Outcome | undefined;
  // It leads more than once only where it waits for people.
  for (let i = 0; i < 4 && outcome === undefined; i++) {
    const led = await trial.lead();
    acts += led.replica.acts;
    outcome = led.outcome;
  }
  return { trial, outcome, acts };
}

type Length = Pick<CourseResult, 'acts' | 'what'>;

function* deathsOf({ acts, what }: Length, options: MatrixOptions): Generator<readonly Moment[]> {
  const moments = (how: Moment['how']) =>
    Array.from({ length: acts }, (_, i) => i + 1).flatMap((nth) => WHENS.map((when) => ({ nth, when, how })));
  for (const how of HOWS) for (const moment of moments(how)) yield [moment];
  const every = pairStep({ acts, what }, options);
  let pair = 0;
  for (const first of moments('killed')) {
    for (const second of moments('killed')) if (pair++ % every === 0) yield [first, second];
  }
}

function pairStep({ acts, what }: Length, { pairsMax, allPairs }: MatrixOptions): number {
  const all = (acts * WHENS.length) ** 2;
  // Odd, so that it does not fall into step with before and after.
  return all <= pairsMax || (allPairs && PLAIN.includes(what)) ? 1 : Math.ceil(all / pairsMax) | 1;
}

/** How many runs with deaths a course has. */
export function trialsOf({ acts, what }: Length, options: MatrixOptions): number {
  const moments = acts * WHENS.length;
  return moments * HOWS.length + Math.ceil(moments ** 2 / pairStep({ acts, what }, options));
}

async function disturbed(course: Course, ends: readonly Moment[], picture: Picture): Promise<readonly string[]> {
  const trial = new Trial(course);
  const outcome = ends[0]?.how === 'paused' ? await pauseAndGoOn(trial, ends[0]) : await trial.toItsEnd(ends);
  return trial.holes(outcome ?? trial.memory.repairs[0]?.outcome ?? undefined, picture);
}

/** The leader stands still, another ends the repair, and then the first one goes on as if nothing had been. */
async function pauseAndGoOn(trial: Trial, end: Moment): Promise<Outcome | undefined> {
  const { replica, run } = trial.start(end);
  const first = await trial.clock.drive(Promise.race([run, replica.paused]));
  const outcome = first ?? (await trial.toItsEnd());
  replica.resume();
  await trial.clock.drive(run);
  return outcome;
}

function nameOf({ nth, when, how }: Moment): string {
  return `${how} ${when} act ${nth}`;
}
