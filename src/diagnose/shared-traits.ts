import { oncePer } from '../base/once-per.ts';
import type { Subject, Symptom, SymptomName } from '../detect/symptom.ts';
import { failureDomains } from './failure-domains.ts';
import { type AssetView, type FleetView, type InstanceView, instanceOf } from './fleet-view.ts';
import { named } from './claims.ts';
import { at, effectsOf } from './hosts.ts';
import { accuse, occupants, type Rule, type Scene } from './scene.ts';

const WORSE: readonly SymptomName[] = ['instance-errors', 'instance-slow'];
/** Fewer have something in common by chance, whatever is looked at. */
const SICK_MIN = 3;
const SHARE_MIN = 0.4;
/** So many of those without the trait may be sick too. */
const ELSEWHERE_MAX = 0.15;
/** As likely it may be that so many of the sick have the trait by chance. */
const CHANCE_MAX = 0.05;
const TOGETHER_MS = 60_000;
/** A change, a version or a callee that explains it is told of within this time. */
const RIPE_AFTER_MS = 10_000;

/** What instances have in common, and those that have it. */
interface Trait {
  readonly asset: AssetView;
  readonly members: readonly InstanceView[];
}

/** Several that are sick since about one moment have a trait in common that hardly anybody else has. */
interface Shared extends Trait {
  readonly sick: readonly InstanceView[];
  readonly evidence: readonly Symptom[];
  readonly onset: number;
}

/**
 * Many of those that share a region or a store are worse than their siblings, and hardly anybody else is: one incident
 * that names what they share. It cannot be told what is wrong with it, so nothing is done to it itself.
 */
export const sharedTraits: Rule = (scene) => {
  const shared = sharedTraitOf(scene);
  if (shared === undefined || scene.fleet.at - shared.onset < RIPE_AFTER_MS) return undefined;
  const { asset, members, sick, evidence } = shared;
  const summary = `it cannot be told why ${sick.length} of ${members.length} instances at ${asset.id} are sick and hardly any others are: ${evidence[0]!.reason}`;
  const subject: Subject = { kind: 'asset', name: asset.id };
  const accused = { cause: 'unknown' as const, subject, workload: sick[0]!.workload, summary };
  return accuse(accused, evidence, effectsOf(sick, scene));
};

/** What the sick have in common, the narrowest that explains most of them; undefined when it may be chance. */
const sharedTraitOf = oncePer((scene: Scene): Shared | undefined => {
  const claims = named(scene.left, WORSE);
  if (claims.length < SICK_MIN) return undefined;
  const all = occupants(scene.fleet);
  const ids = new Set(claims.map(({ subject }) => subject.name));
  const sickAnywhere = all.filter(({ id }) => ids.has(id)).length;
  const found = traitsOf(scene.fleet).flatMap((trait): readonly (Shared & { readonly chance: number })[] => {
    const sick = trait.members.filter(({ id }) => ids.has(id));
    const there = all.length - trait.members.length;
    const isConfined = there >= SICK_MIN && sickAnywhere - sick.length <= ELSEWHERE_MAX * there;
    if (!isConfined || sick.length < Math.max(SICK_MIN, SHARE_MIN * trait.members.length)) return [];
    const own = new Set(sick.map(({ id }) => id));
    const evidence = claims.filter(({ subject }) => own.has(subject.name));
    const since = evidence.map((each) => each.since);
    if (Math.max(...since) - Math.min(...since) > TOGETHER_MS) return [];
    const chance = chanceOf(sick.length, sickAnywhere, trait.members.length, all.length);
    return chance > CHANCE_MAX ? [] : [{ ...trait, sick, evidence, onset: Math.min(...since), chance }];
  });
  return found.sort((a, b) => a.chance - b.chance)[0];
});

/** Whether an instance is one of those of which it is found out what they have in common. */
export function sharesTrait({ id }: InstanceView, scene: Scene): boolean {
  return sharedTraitOf(scene)?.sick.some((each) => each.id === id) === true;
}

/** Regions, and stores with those that need them. A machine is accused as a whole or not at all (`hosts`). */
function traitsOf(fleet: FleetView): readonly Trait[] {
  const regions = failureDomains(fleet).filter(({ asset }) => asset.host === null);
  const stores = fleet.assets.filter(({ kind, workloads }) => kind === 'store' && workloads.length > 0);
  return [
    ...regions.map(({ asset }) => ({ asset, members: at(asset, fleet) })),
    ...stores.map((asset) => ({ asset, members: holdersOf(asset, fleet) })),
  ];
}

function holdersOf({ workloads, region }: AssetView, fleet: FleetView): readonly InstanceView[] {
  return occupants(fleet).filter(
    (each) => workloads.includes(each.workload) && (region === null || each.region === region),
  );
}

/** That at least `hits` of `drawn` have it when `having` of `all` do and those who are drawn are drawn by lot. */
function chanceOf(hits: number, drawn: number, having: number, all: number): number {
  const most = Math.min(drawn, having);
  const logs = Array.from(
    { length: most - hits + 1 },
    (_, i) => logWays(having, hits + i) + logWays(all - having, drawn - hits - i) - logWays(all, drawn),
  );
  return logs.reduce((sum, log) => sum + Math.exp(log), 0);
}

/** Log of the ways to choose `count` of `all`. */
function logWays(all: number, count: number): number {
  if (count < 0 || count > all) return Number.NEGATIVE_INFINITY;
  let log = 0;
  for (let i = 1; i <= count; i++) log += Math.log((all - count + i) / i);
  return log;
}

/** The instances that evidence names, where they are known. */
export function instancesIn(evidence: readonly Symptom[], fleet: FleetView): readonly InstanceView[] {
  const ids = new Set(evidence.flatMap(({ subject }) => (subject.kind === 'instance' ? [subject.name] : [])));
  return [...ids].flatMap((id) => instanceOf(fleet, id) ?? []);
}
