import type { Scenario } from '../scenarios/scenario.ts';
import type { Act, Trial, TrialIncident } from '../sim/world/trial.ts';
import { changesOf, deedText, isDeed, keptOf, repairOf } from './deeds.ts';
import { type Felt, feltOf, healedAt, onsetOf } from './oracle.ts';

/** What one healer made of one scenario. */
export interface Score {
  /** The oracle held in time, by a repair that counts, within the harm that may be done, and nothing was done that may not. */
  readonly resolved: boolean;
  /** Null when the scenario does not judge it. */
  readonly causeRight: boolean | null;
  readonly detectMs: number | null;
  readonly healMs: number | null;
  readonly tenantMinutesHarmed: number;
  readonly instancesTouched: number;
  readonly falseHeals: number;
  readonly forbidden: number;
  readonly unlawful: number;
  /** Invariants of the world that were broken: blast radius, budgets, fencing, one repair per target. */
  readonly violations: number;
  /** Guards that had to refuse something, and did not. */
  readonly silentGuards: readonly string[];
  /** Causes that were named, in order. */
  readonly named: readonly string[];
  /** Why it is not resolved, and what else is wrong. */
  readonly reasons: readonly string[];
}

/** Judges a trial by what its scenario says, and by nothing else. Pure. */
export function score(scenario: Scenario, trial: Trial): Score {
  const felt = feltOf(scenario, trial);
  const time = timing(scenario, trial, felt);
  const harm = harmOf(scenario, trial, felt);
  const wrong = wrongs(scenario, trial, felt);
  const silentGuards = scenario.expect.guard.filter((name) => !trial.refusals.some(({ guard }) => guard === name));
  const causeRight = judgeCause(scenario, trial);
  const incidents = incidentsOf(scenario, trial);
  const against = [...time.reasons, ...harm.reasons, ...wrong.reasons, ...tooMany(scenario, incidents)];
  return {
    resolved: against.length === 0,
    causeRight,
    detectMs: time.detectMs,
    healMs: time.healMs,
    tenantMinutesHarmed: harm.tenantMinutes,
    instancesTouched: harm.instances,
    falseHeals: wrong.falseHeals,
    forbidden: wrong.forbidden,
    unlawful: wrong.unlawful,
    violations: wrong.violations,
    silentGuards,
    named: [...new Set(incidents.map(({ cause, subject }) => `${cause} (${subject})`))],
    reasons: [
      ...against,
      ...(causeRight === false
        ? [`named ${incidents.map((it) => `${it.cause} of ${it.subject}`).join('; ') || 'nothing'}`]
        : []),
      ...silentGuards.map((guard) => `guard ${guard} refused nothing`),
    ],
  };
}

/** One cause is one incident. */
function tooMany({ expect }: Scenario, incidents: readonly TrialIncident[]): readonly string[] {
  const opened = incidents.filter(({ outcome, belongsTo }) => outcome !== 'merged' && belongsTo === undefined);
  if (expect.incidents === undefined || opened.length <= expect.incidents) return [];
  const told = opened.slice(0, 5).map(({ cause, subject }) => `${cause} of ${subject}`);
  return [`${opened.length} incidents, ${expect.incidents} may be: ${told.join('; ')}`];
}

/** The score of a run that could not be brought to its end: nothing of it counts for the healer. */
export function brokenOff(reason: string): Score {
  const counts = {
    tenantMinutesHarmed: 0,
    instancesTouched: 0,
    falseHeals: 0,
    forbidden: 0,
    unlawful: 0,
    violations: 0,
  };
  const unknown = { resolved: false, causeRight: false, detectMs: null, healMs: null };
  return { ...unknown, ...counts, silentGuards: [], named: [], reasons: [`the simulation broke off: ${reason}`] };
}

interface Timing {
  readonly detectMs: number | null;
  readonly healMs: number | null;
  readonly reasons: readonly string[];
}

function timing(scenario: Scenario, trial: Trial, felt: Felt): Timing {
  const { expect } = scenario;
  if (expect.nothing) return { detectMs: null, healMs: null, reasons: [] };
  const from = onsetOf(scenario);
  const first = noticed(scenario, trial);
  const detectMs = first ? Math.max(0, first.openedAt - from) : null;
  const healed = healedAt(scenario, trial, felt);
  const repair = repairOf(trial, expect.repairs);
  // What nobody felt is healed when the repair was made.
  const madeAt = Math.max(from, ...(repair ?? []).map(({ endedAt, at }) => endedAt ?? at));
  const healMs = 'at' in healed ? Math.max(healed.at, madeAt) - from : null;
  const late: string[] = [];
  if (detectMs === null) late.push('it was not noticed');
  else if (detectMs > expect.within.detect)
    late.push(`noticed after ${seconds(detectMs)}, ${seconds(expect.within.detect)} are allowed`);
  if ('why' in healed) late.push(healed.why);
  else if (healMs !== null && healMs > expect.within.heal) {
    late.push(`healed after ${seconds(healMs)}, ${seconds(expect.within.heal)} are allowed`);
  }
  if (expect.repairs.length > 0 && !repairOf(trial, expect.repairs))
    late.push(`no repair that counts: ${doneText(trial)}`);
  return { detectMs, healMs, reasons: late };
}

/** Incidents that were open at the onset or later, in the order in which they were opened. */
function incidentsOf(scenario: Scenario, trial: Trial): readonly TrialIncident[] {
  const from = onsetOf(scenario);
  const open = trial.incidents.filter(({ closedAt }) => closedAt === null || closedAt >= from);
  return [...open].sort((a, b) => a.openedAt - b.openedAt);
}

/** The first incident of the trouble: one that was open at the onset or later, or that had named the cause before. */
function noticed(scenario: Scenario, trial: Trial): TrialIncident | undefined {
  const { cause, causes } = scenario.expect;
  const early = trial.incidents.find((it) => isAmong(it, [...cause, ...causes.flat()]));
  const [first] = incidentsOf(scenario, trial);
  return early && (!first || early.openedAt < first.openedAt) ? early : first;
}

type Causes = Scenario['expect']['cause'];

function isAmong(incident: TrialIncident, causes: Causes): boolean {
  return causes.some((it) => it.cause === incident.cause && incident.subject.includes(it.subject ?? ''));
}

/**
 * What the healer named in the end counts, in the incidents that it acted for; in all of them when it did not act. With
 * several faults, one cause of each list has to be named.
 */
function judgeCause(scenario: Scenario, trial: Trial): boolean | null {
  const { cause, causes } = scenario.expect;
  if (cause.length === 0 && causes.length === 0) return null;
  const early = noticed(scenario, trial);
  const all = [...new Set([...(early ? [early] : []), ...incidentsOf(scenario, trial)])];
  const acted = new Set(changesOf(trial).map(({ incident }) => incident));
  const judged = all.filter(({ id }) => acted.has(id));
  const incidents = judged.length === 0 || causes.length > 0 ? all : judged;
  const isNamed = (list: Causes) => incidents.some((it) => isAmong(it, list));
  return (cause.length === 0 || isNamed(cause)) && causes.every(isNamed);
}

interface Harm {
  readonly tenantMinutes: number;
  readonly instances: number;
  readonly reasons: readonly string[];
}

function harmOf({ expect, fleet }: Scenario, trial: Trial, felt: Felt): Harm {
  const { harm } = expect;
  const below = [...felt].map(([tenant, windows]) => {
    const missed = windows.filter(({ isBelow }) => isBelow);
    return { tenant, minutes: missed.reduce((all, { at, until }) => all + (until - at) / 60_000, 0) };
  });
  const tenantMinutes = round(below.reduce((all, { minutes }) => all + minutes, 0));
  const slots = Object.entries(fleet.workloads).map(([name]) => new RegExp(`^${literal(name)}/[^/]+/\\d+$`));
  const instances = changesOf(trial).reduce(
    (all, act) => all + act.subjects.filter((each) => slots.some((slot) => slot.test(each))).length,
    0,
  );
  const exposed = [...felt.values()].flat().reduce((all, window) => all + window.exposed, 0);
  const strangers =
    harm.tenants === undefined ? [] : below.filter((it) => it.minutes > 0 && !harm.tenants?.includes(it.tenant));
  const { dataLostMs } = trial.ended;
  return {
    tenantMinutes,
    instances,
    reasons: [
      ...(tenantMinutes > harm.tenantMinutes
        ? [`${tenantMinutes} tenant-minutes of harm, ${harm.tenantMinutes} are allowed`]
        : []),
      ...(instances > harm.instances ? [`${instances} instances touched, ${harm.instances} may be`] : []),
      ...strangers.map(({ tenant, minutes }) => `${tenant} was hurt for ${round(minutes)} min and may not be`),
      ...(exposed > harm.exposed ? [`${exposed} answers held another's data, ${harm.exposed} may`] : []),
      ...(dataLostMs > harm.dataLost ? [`${dataLostMs} ms of writes were lost, ${harm.dataLost} may be`] : []),
    ],
  };
}

interface Wrongs {
  readonly falseHeals: number;
  readonly forbidden: number;
  readonly unlawful: number;
  readonly violations: number;
  readonly reasons: readonly string[];
}

const LAW = /unlawful|without leave/;

function wrongs(scenario: Scenario, trial: Trial, felt: Felt): Wrongs {
  const { expect } = scenario;
  const changes = changesOf(trial);
  const forbidden = changes.filter((act) => expect.forbidden.some((deed) => isDeed(act, deed)));
  const falsely = expect.nothing ? changes : changes.filter((act) => isFalse(act, scenario, trial, felt));
  const unlawful = trial.violations.filter(({ invariant }) => LAW.test(invariant));
  const others = trial.violations.filter(({ invariant }) => !LAW.test(invariant));
  return {
    falseHeals: falsely.length,
    forbidden: forbidden.length,
    unlawful: unlawful.length,
    violations: others.length,
    reasons: [
      ...told('false heal', falsely.map(actText)),
      ...told('forbidden', forbidden.map(actText)),
      ...told(
        'unlawful',
        unlawful.map(({ what }) => what),
      ),
      ...told(
        'violated',
        others.map(({ invariant, what }) => `${invariant}: ${what}`),
      ),
      ...told(
        'fault of the healer',
        trial.faults.map(({ what }) => what),
      ),
    ],
  };
}

function told(what: string, items: readonly string[]): readonly string[] {
  const unique = [...new Set(items)];
  if (unique.length === 0) return [];
  const more = unique.length > 3 ? ` and ${unique.length - 3} more` : '';
  return [`${what}: ${unique.slice(0, 3).join('; ')}${more}`];
}

/** How long after an act its harm shows, and how long before it the world's own events explain it. */
const HURTS_WITHIN_MS = 30_000;
const EXPLAINS_MS = 60_000;

/**
 * An act that was not asked for, under a cause that is not right, on what was healthy: instances that were well, or a
 * setting, asset, actor or tenant that nothing was wrong with. It counts when it hurt, or when it was left so.
 */
function isFalse(act: Act, scenario: Scenario, trial: Trial, felt: Felt): boolean {
  const { expect } = scenario;
  if (expect.repairs.length === 0 || expect.repairs.flat().some((deed) => isDeed(act, deed))) return false;
  const incident = trial.incidents.find(({ id }) => id === act.incident);
  const accepted = [...expect.cause, ...expect.causes.flat()];
  if (incident && isAmong(incident, accepted)) return false;
  if (act.move === 'scale' || act.areWell === false) return false;
  const isLeft = act.areWell === undefined && keptOf(trial).includes(act);
  return isLeft || hurt(act, scenario, felt);
}

/** A tenant was served before the act and was not after it, and nothing else had happened that would explain it. */
function hurt(act: Act, { events }: Scenario, felt: Felt): boolean {
  const until = (act.endedAt ?? act.at) + HURTS_WITHIN_MS;
  if (events.some(({ at }) => at > act.at - EXPLAINS_MS && at < until)) return false;
  return [...felt.values()].some((windows) => {
    const before = windows.findLast((window) => window.until <= act.at);
    const after = windows.filter((window) => window.until > act.at && window.at < until);
    return before !== undefined && !before.isBelow && after.some(({ isBelow }) => isBelow);
  });
}

function doneText(trial: Trial): string {
  const done = [...new Set(changesOf(trial).map(actText))];
  if (done.length === 0) return 'nothing was done';
  return `done was ${done.slice(0, 4).join('; ')}${done.length > 4 ? ` and ${done.length - 4} more` : ''}`;
}

/** How an act is told to people. */
export function actText({ move, subjects, value, failed }: Act): string {
  const deed = deedText({ move, subject: subjects[0], ...(value === undefined ? {} : { value }) });
  return failed === null ? deed : `${deed} (broke off)`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A text as a part of an expression. */
function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
