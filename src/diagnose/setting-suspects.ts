import { oncePer } from '../base/once-per.ts';
import { diesWithout } from './ages.ts';
import type { Suspect } from './diagnosis.ts';
import type { FleetView, SettingChange, SettingKind, SettingView } from './fleet-view.ts';
import { workloadOf } from './fleet-view.ts';
import { dependantsOf, needsOf, occupants } from './scene.ts';
import { fitOf } from './setting-fit.ts';
import { valueForPeople } from './setting-value.ts';
import { type Trouble, textsOf } from './trouble.ts';

/** How far back a change may lie; what is older has proven itself. */
const LOOK_BACK_MS = 6 * 3_600_000;
/** Onsets are seen late and rounded down to the span of a report; what came after this is no cause. */
const SLACK_MS = 4_000;
/** What followed at once is fully suspect, and half as much with every further span of this. */
const AT_ONCE_MS = 120_000;
const HALF_LIFE_MS = 900_000;
/** After our own write, what it ends takes so long to be over. */
const SETTLING_MS = 90_000;
/** What begins so shortly after it is still of what it ended. */
const AFTERMATH_MS = 10_000;
const AWAITED = 0.9;
/** What we put back once in vain, is less suspect than it was. */
const IN_VAIN = 0.3;
/** What is between those who call and whom they call. */
const OF_THE_WAY: readonly SettingKind[] = ['object', 'replicas', 'route', 'resolver', 'policy'];
/** So much of a callee's own setting is left as a suspect when calls did not find it, and when nobody answered. */
const NOT_FOUND = 0.25;
const NOT_HEARD = 0.7;
/** A process that ended named another tenant. */
const OF_OTHER = 0.3;
/** Shorter names are in many texts. */
const NAME_LENGTH_MIN = 4;
/** What is left of the suspicion of a caller when something that is not ours fails later than this. */
const OUTSIDE = 0.4;
const OUTSIDE_AT_ONCE_MS = 30_000;
/** What differs from what people declared stays suspect, however long ago it was changed. */
const DRIFT_MIN = 0.2;

/**
 * Settings that were changed before the trouble began and govern what is in trouble, best first. A change counts by where
 * it works, by how shortly before it came, by whether such a setting does such a thing, and by whether people declared it
 * otherwise. `governing` are settings that are known to govern it, whatever they say of themselves.
 */
export function settingSuspects(
  trouble: Trouble,
  fleet: FleetView,
  governing: readonly string[] = [],
): readonly Suspect[] {
  return fleet.settings
    .flatMap((setting) => suspicionOf(setting, trouble, fleet, governing.includes(setting.id)))
    .sort((a, b) => b.score - a.score || (a.subject.name < b.subject.name ? -1 : 1));
}

function suspicionOf(setting: SettingView, trouble: Trouble, fleet: FleetView, isKnown: boolean): readonly Suspect[] {
  const change = changeBefore(setting, trouble.onset, fleet.at);
  if (!change || diesWithout(trouble.symptoms, change.at)) return [];
  const scope = isKnown ? 1 : scopeOf(setting, trouble, fleet);
  if (scope === 0) return [];
  const recency = recencyOf(setting, change, trouble, fleet);
  const fit = isKnown ? Math.max(0.8, fitOf(setting.kind, trouble)) : fitOf(setting.kind, trouble);
  const product =
    (scope *
      recency *
      fit *
      driftOf(setting, change) *
      vainOf(setting, change) *
      mentionOf(setting, trouble, fleet) *
      returnOf(setting, change) *
      outsideOf(setting, change, trouble, fleet)) /
    Math.max(1, loadOf(setting, trouble));
  const score = squash(product);
  if (score < 0.02) return [];
  const weight = isAwaited(setting, trouble, fleet) ? Math.max(score, AWAITED) : score;
  const repeated = writerOf(setting, fleet);
  const became = valueForPeople(setting, change.value, 'another value');
  const why = `${setting.id} became ${became} ${agoOf(trouble.onset - change.at)}, by ${change.by}`;
  const own: Suspect = { cause: 'configuration', subject: { kind: 'setting', name: setting.id }, score: weight, why };
  if (repeated === undefined) return [own];
  const value = valueForPeople(setting, setting.value, 'the same value');
  const again = `${repeated} writes ${value} into ${setting.id} again and again`;
  return [
    { cause: 'actor', subject: { kind: 'actor', name: repeated }, score: Math.min(1, weight * 1.1), why: again },
    own,
  ];
}

/** Into 0 to 1: strong suspects are still told apart by what makes them stronger. */
function squash(product: number): number {
  return product <= 0.5 ? product : 1 - 0.5 * Math.exp(1 - 2 * product);
}

/** The change that made the present value bad: the last one before the onset, unless it was taken back since. */
function changeBefore({ history, value }: SettingView, onset: number, now: number): SettingChange | undefined {
  const index = history.findLastIndex((each) => each.at <= onset + SLACK_MS && !isOurs(each));
  const change = history[index];
  if (!change || onset - change.at > LOOK_BACK_MS) return undefined;
  if (index === 0 && change.soakedAt !== null && change.soakedAt <= onset) return undefined;
  const before = history[index - 1];
  if (before && before.value === change.value) return undefined;
  const isTakenBack = before !== undefined && before.value === value;
  return isTakenBack && now - history.at(-1)!.at > SETTLING_MS ? undefined : change;
}

/** What is not ours breaks by itself: whoever calls it is suspected of what followed at once. */
function outsideOf(
  { workloads }: SettingView,
  { at }: SettingChange,
  { origins, onset }: Trouble,
  fleet: FleetView,
): number {
  const areOutside = [...origins].every((name) => workloadOf(fleet, name)?.external === true);
  const isOfCaller = workloads.length > 0 && !workloads.some((name) => origins.has(name));
  return areOutside && isOfCaller && onset - at > OUTSIDE_AT_ONCE_MS ? OUTSIDE : 1;
}

/** What goes back to a value that had proven itself is seldom what breaks it. */
function returnOf({ history }: SettingView, change: SettingChange): number {
  const earlier = history.slice(0, history.lastIndexOf(change));
  return earlier.some(({ value, soakedAt }) => value === change.value && soakedAt !== null) ? IN_VAIN : 1;
}

/** Whether we put it back already, and wait for what comes of that. */
export function isPutBack({ history, value }: SettingView): boolean {
  const last = history.at(-1);
  const before = history.findLast((each) => !isOurs(each));
  return last !== undefined && isOurs(last) && before !== undefined && before.value !== value;
}

/** We put it back since the trouble began, and a little time is left for that to show. */
function isAwaited(setting: SettingView, { onset }: Trouble, { at }: FleetView): boolean {
  const last = setting.history.at(-1);
  if (last === undefined || !isPutBack(setting)) return false;
  return at - last.at <= SETTLING_MS && onset <= last.at + AFTERMATH_MS;
}

/** Until when what began before we put something back, or just after, is likely to pass by itself. */
const PASSES_WITHIN_MS = 30_000;

/** Something that governs the workload was just put back: what has been wrong with it since before is to pass first. */
export function isSettling(workload: string, onset: number, { settings, at }: FleetView): boolean {
  return settings.some((setting) => {
    const last = setting.history.at(-1);
    if (last === undefined || !setting.workloads.includes(workload) || !isPutBack(setting)) return false;
    return at - last.at <= PASSES_WITHIN_MS && onset <= last.at + AFTERMATH_MS;
  });
}

/** We wrote another value over it and took that back: then it was not this. */
function vainOf({ history }: SettingView, change: SettingChange): number {
  const ours = history.slice(history.lastIndexOf(change) + 1).filter(isOurs);
  return ours.length >= 2 && ours.at(-1)!.value === change.value ? IN_VAIN : 1;
}

function isOurs({ by }: SettingChange): boolean {
  return by.startsWith('kintsugi ');
}

/** The actor of whom the same value came at least twice, with another value in between. */
function writerOf({ history, value }: SettingView, fleet: FleetView): string | undefined {
  const last = history.at(-1);
  if (!last || last.value !== value) return undefined;
  const times = history.filter((each) => each.by === last.by && each.value === value).length;
  if (times < 2) return undefined;
  return fleet.actors.find(({ name, running }) => running && (last.by === name || last.by.endsWith(` ${name}`)))?.name;
}

/** How much of what it governs is what is in trouble, from 0 (nothing) to a little over 1 (just that). */
function scopeOf(setting: SettingView, trouble: Trouble, fleet: FleetView): number {
  const place = placeWeight(setting, trouble, fleet);
  return place * tenantWeight(setting, trouble) * hostWeight(setting, trouble, fleet) * wayWeight(setting, trouble);
}

/**
 * Calls whose callee was not even found never reached it: how it works inside did not make them fail. It may still not
 * listen when they are refused.
 */
function wayWeight({ workloads, kind }: SettingView, { origins, callers, symptoms, errors }: Trouble): number {
  const isOfCallee = workloads.length > 0 && !workloads.some((name) => callers.has(name));
  const isInside = !OF_THE_WAY.includes(kind) && workloads.some((name) => origins.has(name));
  if (!isOfCallee || !isInside || !symptoms.every(({ name }) => name.startsWith('calls-'))) return 1;
  const lost = errors.dns ?? 0;
  const refused = errors.refused ?? 0;
  return 1 - (1 - NOT_FOUND) * lost - (1 - NOT_HEARD) * refused;
}

function placeWeight({ workloads, id, kind }: SettingView, trouble: Trouble, fleet: FleetView): number {
  const { origins, callers, symptoms } = trouble;
  const governs = (names: Iterable<string>) => [...names].some((name) => workloads.includes(name));
  // When a callee fails for some of its callers only, it is something between these and it.
  const isOfCallers = callers.size > 0 && callers.size < callersOf(origins, fleet);
  if (governs(origins)) return isOfCallers && !governs(callers) ? 0.6 : 1;
  // Who is slow itself is seldom so by what its callers were told, unless that is how they call.
  const isSlow = symptoms.some(({ name }) => name === 'calls-slow') && (kind === 'config' || kind === 'flag');
  if (governs(callers)) return isOfCallers ? 1.05 : isSlow ? 0.45 : 0.9;
  const isNamed = (names: Iterable<string>) =>
    [...names].some((name) => id.startsWith(`${name}/`) || id.includes(`/${name}`));
  if (workloads.length === 0) return isNamed(origins) ? 0.95 : isNamed(callers) ? 0.85 : 0.7;
  const above = dependantsOf(origins, fleet);
  if (governs(above)) return 0.35;
  return [...origins].some((name) => governs(needsOf(name, fleet))) ? 0.5 : 0;
}

function callersOf(origins: ReadonlySet<string>, fleet: FleetView): number {
  return fleet.workloads.filter(({ dependsOn }) => dependsOn.some((each) => origins.has(each))).length;
}

function tenantWeight({ tenant }: SettingView, { tenants, shape }: Trouble): number {
  if (tenant === null) return tenants === null ? 1 : 0.6;
  if (tenants !== null) return tenants.includes(tenant) && tenants.length === 1 ? 1.2 : 0.3;
  // What one tenant sets can bring down what serves all; it seldom slows it.
  return shape === 'crash' || shape === 'probe' ? 0.8 : 0.4;
}

const hostsOf = oncePer((fleet: FleetView) => new Set(occupants(fleet).map(({ host }) => host)));

/** A setting of one machine explains what happens on that machine. */
function hostWeight({ id }: SettingView, { instances, origins }: Trouble, fleet: FleetView): number {
  const host = id.split('/').find((each) => hostsOf(fleet).has(each));
  if (host === undefined) return 1;
  const all = occupants(fleet);
  const sick = instances ?? all.filter(({ workload }) => origins.has(workload)).map((each) => each.id);
  const there = all.filter((each) => sick.includes(each.id) && each.host === host).length;
  return there === 0 ? 0.1 : there === sick.length ? 1.3 : 0.5;
}

/** What followed at once is most suspect; what needs a restart counts from the first process that started with it. */
function recencyOf(setting: SettingView, change: SettingChange, trouble: Trouble, fleet: FleetView): number {
  const at = effectiveAt(setting, change, trouble, fleet);
  if (at === undefined) return 0;
  const passedMs = Math.max(0, trouble.onset - at);
  // Who ends or does not start may have been told so minutes ago; what only fails is more likely of the last thing.
  const isOfStart = trouble.shape === 'crash' || trouble.shape === 'start';
  const atOnce = isOfStart ? 1 : 1 - 0.15 * Math.min(1, passedMs / AT_ONCE_MS);
  const fading = atOnce * 0.5 ** (Math.max(0, passedMs - AT_ONCE_MS) / HALF_LIFE_MS);
  return setting.declared !== undefined && setting.declared !== setting.value ? Math.max(DRIFT_MIN, fading) : fading;
}

function effectiveAt(
  setting: SettingView,
  change: SettingChange,
  { shape, onset, origins, callers }: Trouble,
  fleet: FleetView,
): number | undefined {
  const places = [...origins, ...callers].flatMap((name) => workloadOf(fleet, name)?.instances ?? []);
  const starts = places.map((each) => each.startedAt).filter((at) => at >= change.at && at <= onset + SLACK_MS);
  if (shape === 'start' || shape === 'crash') {
    // Since the change nobody has come up and stayed: the first start after it is the first that could show it.
    const stayed = places.some(
      (each) => each.ready && each.startedAt > change.at && onset - each.startedAt > AT_ONCE_MS,
    );
    return stayed ? change.at : Math.max(change.at, onset - AT_ONCE_MS);
  }
  // What was put back is waited for: who started with it may be gone already.
  if (!setting.needsRestart || isPutBack(setting)) return change.at;
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function driftOf({ declared }: SettingView, { value }: SettingChange): number {
  if (declared === undefined) return 1;
  return declared === value ? 0.4 : 1.4;
}

/** What a process said when it ended may name what it ended of. */
function mentionOf({ id, tenant }: SettingView, { symptoms }: Trouble, { tenants }: FleetView): number {
  const said = symptoms.flatMap(({ evidence }) => textsOf(evidence['lastLines'])).join('\n');
  const key = id.slice(id.lastIndexOf('/') + 1);
  const name = tenant ?? key;
  if (name.length >= NAME_LENGTH_MIN && said.includes(name)) return 1.3;
  // What ended of one tenant's did not end of another's, whichever of the two came later.
  const isOfOther =
    said !== '' && tenants.some((each) => each.name.length >= NAME_LENGTH_MIN && said.includes(each.name));
  return tenant !== null && isOfOther ? OF_OTHER : 1;
}

/** More load than usual explains much by itself, unless the setting is about load. */
function loadOf({ kind }: SettingView, { load }: Trouble): number {
  const isAboutLoad = kind === 'limit' || kind === 'quota' || kind === 'replicas' || kind === 'retry';
  return isAboutLoad ? load / 4 : load / 1.5;
}

function agoOf(ms: number): string {
  const seconds = Math.round(Math.max(0, ms) / 1_000);
  return seconds < 120 ? `${seconds} s before` : `${Math.round(seconds / 60)} min before`;
}
