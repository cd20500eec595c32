import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import type { ErrorClass } from '../observe/condition.ts';
import { type FleetView, instanceOf, workloadOf } from './fleet-view.ts';
import { about, named, placeOf } from './claims.ts';
import { dependantsOf, type Scene } from './scene.ts';
import { isShortHanded } from './short-handed.ts';

/** In which way something fails: what can have caused it depends on that. */
export type Shape = 'start' | 'crash' | 'probe' | 'errors' | 'slow' | 'load';

/** Symptoms of one place that need a common cause: the deepest sick workload or thing, as seen in the calls. */
export interface Trouble {
  /** Workloads or things that are sick and need nothing that is. */
  readonly origins: ReadonlySet<string>;
  /** Who calls them and fails by it; when these are not all that call, it may be theirs. */
  readonly callers: ReadonlySet<string>;
  readonly onset: number;
  readonly symptoms: readonly Symptom[];
  readonly shape: Shape;
  /** Share of the failures by class; empty when nobody could tell. */
  readonly errors: Readonly<Partial<Record<ErrorClass, number>>>;
  /** Who suffers, when it is not everybody. */
  readonly tenants: readonly string[] | null;
  /** In which instances it shows, when it is not all of them. */
  readonly instances: readonly string[] | null;
  /** How many times its usual load the origin has. */
  readonly load: number;
}

/** What a workload as a whole shows. */
const OF_ALL: readonly SymptomName[] = [
  'workload-errors',
  'workload-slow',
  'tenant-errors',
  'calls-failing',
  'calls-slow',
  'calls-surging',
  'route-errors',
  'route-slow',
  'overloaded',
  'crash-loop',
  'version-errors',
  'version-slow',
  'start-failed',
];
/** What counts for a workload once most of its instances show it. */
const OF_ONE: readonly SymptomName[] = ['exited', 'hung', 'probe-failed', 'instance-errors', 'instance-slow', 'leak'];
/** Whoever shows this is sick itself, whatever it needs. */
const BY_ITSELF: readonly SymptomName[] = ['crash-loop', 'start-failed', 'version-errors', 'version-slow'];

const CALLERS_MIN = 3;

/** The troubles that are left, each at its origin, deepest first. */
export const troublesOf = oncePer((scene: Scene): readonly Trouble[] => {
  const sick = sickPlaces(scene);
  const calls = seenCalls(sick);
  return [...sick.keys()]
    .filter((name) => isOrigin(name, sick, calls, scene))
    .map((name) => ({ trouble: troubleAt(name, sick, scene), depth: dependantsOf([name], scene.fleet).size }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ trouble }) => trouble);
});

/** It fails for few of the processes that call it: then it is not what fails. */
export function isOfFewCallers({ name, evidence }: Symptom): boolean {
  const failing = Number(evidence['instancesFailing'] ?? 0);
  const all = Number(evidence['instancesSeen'] ?? 0);
  return name === 'calls-failing' && all >= CALLERS_MIN && failing >= 1 && failing * 2 < all;
}

/** It fails for most instances of one workload and for nobody else: then it is that workload's, and of none of these alone. */
export function callerOf(symptom: Symptom, fleet: FleetView): string | undefined {
  const [caller, ...others] = textsOf(symptom.evidence['callers']);
  if (caller === undefined || others.length > 0 || !isOfFewCallers(symptom)) return undefined;
  const failing = textsOf(symptom.evidence['instances']).filter((id) => instanceOf(fleet, id)?.workload === caller);
  const there = workloadOf(fleet, caller)?.instances.filter(({ role }) => role === 'occupant').length ?? 0;
  return failing.length >= 2 && failing.length * 2 > there ? caller : undefined;
}

/** Symptoms by the place that they are of: a workload, or a thing that is called. */
function sickPlaces(scene: Scene): ReadonlyMap<string, readonly Symptom[]> {
  const sick = new Map<string, Symptom[]>();
  const add = (place: string, symptom: Symptom) =>
    sick
      .set(place, sick.get(place) ?? [])
      .get(place)!
      .push(symptom);
  const most = mostlySick(scene);
  const few = fewSick(scene, most);
  for (const symptom of scene.left.values()) {
    const called = placeOf(symptom) ?? (symptom.subject.kind === 'asset' ? symptom.subject.name : null);
    const place = callerOf(symptom, scene.fleet) ?? called;
    if (place === null || symptom.name.startsWith('asset-')) continue;
    if (place === called && isOfFewCallers(symptom)) continue;
    if (isShortHanded(symptom, scene)) continue;
    if (few.has(place) && !BY_ITSELF.includes(symptom.name)) continue;
    if (OF_ALL.includes(symptom.name) || (OF_ONE.includes(symptom.name) && most.has(place))) add(place, symptom);
  }
  return sick;
}

/** Workloads of which a few instances are sick and the others are not: what they show as a whole comes of these few. */
function fewSick(scene: Scene, most: ReadonlySet<string>): ReadonlySet<string> {
  const places = new Set(named(scene.left, OF_ONE).map(placeOf));
  return new Set(
    [...places].filter((place) => place !== null && !most.has(place) && !failsAllOver(place, scene)) as string[],
  );
}

/** Requests fail at most of its instances, whichever of them stands out by chance. */
export function failsAllOver(place: string, { left }: Pick<Scene, 'left'>): boolean {
  return about(left, place).some(({ name, evidence }) => {
    if (name !== 'workload-errors') return false;
    const failing = Number(evidence['instancesFailing'] ?? 0);
    return failing >= 2 && failing * 2 > Number(evidence['instancesSeen'] ?? 0);
  });
}

/** Workloads of which most instances are sick. */
function mostlySick({ left, fleet }: Scene): ReadonlySet<string> {
  const sick = new Map<string, Set<string>>();
  for (const { subject } of named(left, OF_ONE)) {
    if ('workload' in subject)
      sick
        .set(subject.workload, sick.get(subject.workload) ?? new Set())
        .get(subject.workload)!
        .add(subject.name);
  }
  const isMost = (place: string, count: number) => {
    const there = workloadOf(fleet, place)?.instances.filter(({ role }) => role === 'occupant').length;
    return there !== undefined && count >= 2 && count * 2 >= there;
  };
  return new Set([...sick].flatMap(([place, names]) => (isMost(place, names.size) ? [place] : [])));
}

/** The rest fails because what it calls does. */
function isOrigin(
  name: string,
  sick: ReadonlyMap<string, readonly Symptom[]>,
  calls: ReadonlyMap<string, readonly string[]>,
  { fleet }: Scene,
): boolean {
  if (sick.get(name)!.some((each) => BY_ITSELF.includes(each.name))) return true;
  const declared = (workloadOf(fleet, name)?.dependsOn ?? []).filter((callee) => sick.has(callee));
  const callees = [...declared, ...(calls.get(name) ?? [])].filter((callee) => callee !== name);
  // A circle: who calls each other is not deeper than the other.
  return callees.every((callee) => dependantsOf([name], fleet).has(callee));
}

/** Whom a workload calls and who is sick, as seen in calls that failed: by caller. */
function seenCalls(sick: ReadonlyMap<string, readonly Symptom[]>): ReadonlyMap<string, readonly string[]> {
  const calls = new Map<string, string[]>();
  for (const [place, symptoms] of sick) {
    for (const caller of new Set(callersIn(symptoms)))
      calls
        .set(caller, calls.get(caller) ?? [])
        .get(caller)!
        .push(place);
  }
  return calls;
}

function callersIn(symptoms: readonly Symptom[]): readonly string[] {
  return symptoms.flatMap(({ evidence }) => textsOf(evidence['callers']));
}

export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

function troubleAt(name: string, sick: ReadonlyMap<string, readonly Symptom[]>, { fleet }: Scene): Trouble {
  const symptoms = sick.get(name)!;
  const callers = new Set(callersIn(symptoms));
  const fromAbove = [...callers].flatMap((caller) => sick.get(caller) ?? []);
  return {
    origins: new Set([name]),
    callers,
    onset: Math.min(...symptoms.map((each) => each.since)),
    symptoms,
    shape: shapeOf(symptoms),
    errors: errorsIn(symptoms),
    tenants: tenantsIn([...symptoms, ...fromAbove]),
    instances: instancesIn(symptoms, fleet),
    load: Math.max(1, ...symptoms.map(({ evidence }) => Number(evidence['load'] ?? 1))),
  };
}

const SHAPES: readonly (readonly [Shape, readonly SymptomName[]])[] = [
  ['start', ['start-failed']],
  ['crash', ['crash-loop', 'exited', 'leak']],
  ['probe', ['probe-failed', 'hung']],
  [
    'errors',
    ['workload-errors', 'route-errors', 'tenant-errors', 'calls-failing', 'version-errors', 'instance-errors'],
  ],
  ['load', ['overloaded', 'calls-surging']],
];

function shapeOf(symptoms: readonly Symptom[]): Shape {
  return SHAPES.find(([, names]) => symptoms.some(({ name }) => names.includes(name)))?.[0] ?? 'slow';
}

/**
 * As far as the whole can tell, its own count: each failure at an instance is in it as well, and an instance that gets no
 * more requests goes on showing what it failed with before.
 */
function errorsIn(symptoms: readonly Symptom[]): Partial<Record<ErrorClass, number>> {
  const whole = symptoms.filter(({ name, evidence }) => name === 'workload-errors' && evidence['errors'] !== undefined);
  const counts: Partial<Record<ErrorClass, number>> = {};
  for (const { evidence } of whole.length > 0 ? whole : symptoms) {
    for (const [name, count] of Object.entries(evidence['errors'] ?? {})) {
      counts[name as ErrorClass] = (counts[name as ErrorClass] ?? 0) + Number(count);
    }
  }
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  const shares = Object.entries(counts).map(([name, count]) => [name, count / Math.max(all, 1)] as const);
  return Object.fromEntries(shares);
}

/** The tenants that alone suffer; null when it is most of them or nobody can tell. */
function tenantsIn(symptoms: readonly Symptom[]): readonly string[] | null {
  const whole = symptoms.filter(({ name }) => name === 'workload-errors');
  const alone = symptoms.filter(({ name }) => name === 'tenant-errors').map(({ subject }) => subject.name);
  const isOfAll = whole.some(
    ({ evidence }) => Number(evidence['tenantsFailing'] ?? 0) * 2 > Number(evidence['tenantsSeen'] ?? 0),
  );
  if (isOfAll) return null;
  const failing = new Set([...alone, ...whole.flatMap(({ evidence }) => textsOf(evidence['tenants']))]);
  return failing.size === 0 ? null : [...failing];
}

/** The instances that alone show it, when it is fewer than all that were seen. */
function instancesIn(symptoms: readonly Symptom[], fleet: FleetView): readonly string[] | null {
  const named = symptoms.filter(({ subject }) => subject.kind === 'instance').map(({ subject }) => subject.name);
  const seen = symptoms.flatMap(({ evidence, name }) =>
    name === 'workload-errors' && Number(evidence['instancesFailing'] ?? 0) < Number(evidence['instancesSeen'] ?? 0)
      ? textsOf(evidence['instances'])
      : [],
  );
  const failing = [...new Set([...named, ...seen])].filter((id) => instanceOf(fleet, id) !== undefined);
  return failing.length === 0 ? null : failing;
}
