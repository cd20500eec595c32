import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { ConditionName } from '../observe/condition.ts';
import { type AssetKind, assetOf, type FleetView, instanceOf, settingOf } from './fleet-view.ts';
import { about, named, placed, placeOf } from './claims.ts';
import { burning, keyOf, type Scene, symptomsIn, victimsOf } from './scene.ts';

/** A condition that holds of a thing, with who needs the thing. */
export interface Condition {
  readonly name: ConditionName;
  readonly claim: Symptom;
  readonly kind: AssetKind;
  /** Who cannot work without it. */
  readonly workloads: ReadonlySet<string>;
}

const conditionClaims = oncePer((left: Symptoms) =>
  [...left.values()].filter(({ name, subject }) => name.startsWith('asset-') && subject.kind === 'asset'),
);

/** All conditions that are left. */
export function conditionsIn(scene: Scene): Condition[] {
  return conditionClaims(scene.left).map((claim) => conditionOf(claim, scene));
}

/** Those of one name. */
export function conditionsNamed(name: ConditionName, { left }: Scene): readonly Symptom[] {
  return named(left, [`asset-${name}`]).filter(({ subject }) => subject.kind === 'asset');
}

export function conditionOf(claim: Symptom, { fleet }: Scene): Condition {
  const kind = assetOf(fleet, claim.subject.name)?.kind ?? (claim.subject.name.split(' ')[0] as AssetKind);
  const name = claim.name.slice('asset-'.length) as ConditionName;
  return { name, claim, kind, workloads: needersOf(claim, fleet) };
}

/** Who needs a thing: as declared, and through what it holds, is part of, or lets in. */
function needersOf({ subject, evidence }: Symptom, fleet: FleetView): ReadonlySet<string> {
  const asset = assetOf(fleet, subject.name);
  if (!asset) return new Set();
  const names = new Set(asset.workloads);
  const holds = [evidence['holds'], asset.detail['holds']].find((each) => typeof each === 'string');
  const others = asset.kind === 'session' ? [holds, asset.partOf] : [];
  for (const other of others) {
    if (typeof other !== 'string') continue;
    const held = assetOf(fleet, other);
    for (const name of held ? held.workloads : fleet.workloads.some((each) => each.name === other) ? [other] : []) {
      names.add(name);
    }
  }
  // What lets others in is needed by those whom its settings govern.
  if (asset.kind === 'hook') for (const name of governedBy(asset.settings, fleet)) names.add(name);
  if (asset.kind === 'host' && asset.host !== null) for (const name of runningOn(asset.host, fleet)) names.add(name);
  return names;
}

function governedBy(settings: readonly string[], fleet: FleetView): readonly string[] {
  return settings.flatMap((id) => settingOf(fleet, id)?.workloads ?? []);
}

function runningOn(host: string, fleet: FleetView): readonly string[] {
  return fleet.workloads
    .filter(({ instances }) => instances.some((each) => each.host === host))
    .map(({ name }) => name);
}

/** What a condition does: to those who need the thing, to whoever calls them, and to tenants. */
export function effectsOf(condition: Condition, scene: Scene): readonly Symptom[] {
  const { workloads, claim, kind } = condition;
  const host = kind === 'host' || kind === 'clock' ? (assetOf(scene.fleet, claim.subject.name)?.host ?? null) : null;
  const here = symptomsIn(scene, workloads, true).filter((each) => isEffect(each, condition, host, scene));
  const calls = about(scene.left, claim.subject.name).filter(({ name }) => name.startsWith('calls-'));
  const above = here.length + calls.length > 0 ? victimsOf(scene, workloads) : [];
  const felt = here.length + calls.length > 0 ? burning(scene) : [];
  return distinct([...here, ...calls, ...above, ...felt]);
}

/** What happens to processes, and not to their requests. */
const OF_PROCESSES: readonly SymptomName[] = ['exited', 'hung', 'start-failed', 'crash-loop', 'leak'];
/** While one of these holds, a process that is gone cannot come back: replacing it has no sense before that. */
const KEEPS_OUT: readonly AssetKind[] = ['hook', 'object', 'privilege'];

function isEffect(symptom: Symptom, condition: Condition, host: string | null, scene: Scene): boolean {
  if (symptom.name === 'artefact-drift' || symptom.name === 'poison') return false;
  if (host !== null) return isOn(host, symptom, scene);
  if (!OF_PROCESSES.includes(symptom.name)) return !symptom.name.startsWith('version-') || condition.name !== 'stale';
  if (condition.name === 'recovering' || (condition.name === 'failing' && KEEPS_OUT.includes(condition.kind)))
    return true;
  if (symptom.name === 'leak') return false;
  // A single death has its own cause; those of many have this one.
  return symptom.name !== 'exited' && symptom.name !== 'hung' ? true : isOneOfMany(symptom, scene);
}

function isOn(host: string, { subject, name, evidence }: Symptom, scene: Scene): boolean {
  if (subject.kind === 'instance') return instanceOf(scene.fleet, subject.name)?.host === host;
  if (subject.kind === 'version') return false;
  const elsewhere = [...sickHosts(scene)].some((each) => each !== host);
  return (
    !elsewhere && (name.startsWith('workload-') || name.startsWith('calls-') || evidence['workload'] !== undefined)
  );
}

/** Where instances are that show anything; undefined stands for those that are nowhere. */
const sickHosts = oncePer(({ left, fleet }: Scene): ReadonlySet<string | undefined> => {
  const sick = [...left.values()].filter(({ subject }) => subject.kind === 'instance');
  return new Set(sick.map(({ subject }) => instanceOf(fleet, subject.name)?.host));
});

/** An instance is in a workload, so it has a place. */
function isOneOfMany(symptom: Symptom, { left }: Scene): boolean {
  const place = placeOf(symptom);
  if (place === null) return false;
  let alike = 0;
  return placed(left, [place]).some(({ name }) => name === symptom.name && ++alike >= 2);
}

/** Other conditions of the same thing, and of what it holds or is part of. */
export function sameThing({ claim, name }: Condition, scene: Scene): readonly Symptom[] {
  const asset = assetOf(scene.fleet, claim.subject.name);
  const holds = claim.evidence['holds'];
  const things = new Set([claim.subject.name]);
  if (name === 'holding' && asset?.partOf) things.add(asset.partOf);
  if (name === 'holding' && typeof holds === 'string') things.add(holds);
  const conditions = [...things].flatMap((thing) => about(scene.left, thing));
  return conditions.filter((each) => each !== claim && each.name.startsWith('asset-'));
}

function distinct(symptoms: readonly Symptom[]): readonly Symptom[] {
  return [...new Map(symptoms.map((each) => [keyOf(each), each])).values()];
}
