import { factOf, type Symptom } from '../detect/symptom.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { about, named } from './claims.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { type AssetView, assetOf, type InstanceView, workloadOf } from './fleet-view.ts';
import { accuse, type Accused, type Rule, type Scene, symptomsIn } from './scene.ts';
import { settingSuspects } from './setting-suspects.ts';
import type { Trouble } from './trouble.ts';
import { versionSuspects } from './version-suspects.ts';
import { leaksMeasured, tellViolations, violationsOf } from './violations.ts';

/** One tenant's data in another's answers: contained first, whatever else it may be. */
export const leaks: Rule = (scene) => {
  const [claim] = named(scene.left, ['asset-leaking']);
  return claim ? ofCondition(claim, scene) : ofFact(scene);
};

function ofCondition(claim: Symptom, scene: Scene): Diagnosis {
  const asset = assetOf(scene.fleet, claim.subject.name);
  const workloads = asset?.workloads ?? [];
  const workload = workloads.length === 1 ? workloads[0]! : null;
  const suspects = suspectsOf([claim], workloads, null, asset?.settings ?? [], scene);
  const also = symptomsIn(scene, new Set(workloads), false).filter(({ name }) => name === 'asset-corrupt');
  const best = likeliest(suspects);
  const subject = best?.subject ?? claim.subject;
  const summary = `${best ? `${best.why}: ` : ''}${claim.reason}`;
  return accuse({ cause: 'isolation', subject, workload, summary }, [claim], also, suspects);
}

/** A change that is less likely than this is not accused of a leak. */
const SUSPICION_MIN = 0.3;

/** The change that goes back while the leak is contained; whoever writes again and again is a matter of its own. */
function likeliest(suspects: readonly Suspect[]): Suspect | undefined {
  const [best] = suspects.filter(({ cause }) => cause !== 'actor');
  return best && best.score >= SUSPICION_MIN ? best : undefined;
}

/** What was changed in these workloads right before, best first. */
function suspectsOf(
  claims: readonly Symptom[],
  workloads: readonly string[],
  instances: readonly string[] | null,
  settings: readonly string[],
  { fleet }: Scene,
): readonly Suspect[] {
  const trouble: Trouble = {
    origins: new Set(workloads),
    callers: new Set(),
    onset: Math.min(...claims.map(({ since }) => since)),
    symptoms: claims,
    shape: 'errors',
    errors: {},
    tenants: null,
    instances,
    load: 1,
  };
  return [...settingSuspects(trouble, fleet, settings), ...versionSuspects(trouble, fleet)].sort(
    (a, b) => b.score - a.score,
  );
}

/** What shows of a store that rows of tenants are not kept apart in it: whoever reads by it leaks as well. */
const OF_STORE: ReadonlySet<FactName> = new Set<FactName>([
  'rls.enabled',
  'rls.policies.missing',
  'rls.roles.bypassing',
  'rls.views.bypassing',
  'isolation.sql.foreignRows',
]);

/** Probes read as one tenant what is another's: the store that leaks, and otherwise what of the workload does. */
function ofFact(scene: Scene): Diagnosis | undefined {
  const claims = leaksMeasured(scene);
  if (claims.length === 0) return undefined;
  const sql = claims.find(({ name }) => factOf(name) === 'isolation.sql.foreignRows');
  const api = claims.filter(({ name }) => factOf(name) === 'isolation.api.foreignRows');
  const store = sql?.subject.name ?? leakingStore(api, scene);
  return store === undefined ? ofWorkload(api, scene) : ofStore(store, api, scene);
}

/** The store by which an API leaks: one that is read where it leaks, and shows that its rows are not kept apart. */
function leakingStore(api: readonly Symptom[], scene: Scene): string | undefined {
  const stores = scene.fleet.assets.filter(({ kind }) => kind === 'store');
  const isOpen = ({ id }: AssetView) =>
    violationsOf(id, scene).some(({ name }) => OF_STORE.has(factOf(name)!)) || protectionsOff(id, scene).length > 0;
  return stores.find((store) => isOpen(store) && api.some((claim) => readsFrom(store, claim, scene)))?.id;
}

/** Whether what leaks reads this store: by its places, and where nobody says them, by where the tenant may be served. */
function readsFrom({ workloads, region }: AssetView, claim: Symptom, { fleet }: Scene): boolean {
  const places = placesOf(claim);
  if (places.length > 0) return places.some(([name = '', at]) => workloads.includes(name) && at === region);
  const tenant = fleet.tenants.find(({ name }) => claim.subject.name === `tenant ${name}`);
  return region !== null && tenant?.regions.includes(region) === true;
}

/** Protections of a store that are off: with its other violations they are how the leak came about, and go back with it. */
function protectionsOff(store: string, { fleet, left }: Scene): readonly Symptom[] {
  const parts = fleet.assets.filter(({ partOf }) => partOf === store);
  return parts.flatMap(({ id }) => about(left, id)).filter(({ name }) => name === 'asset-disabled');
}

function ofStore(id: string, api: readonly Symptom[], scene: Scene): Diagnosis {
  const store = assetOf(scene.fleet, id);
  const by = store ? api.filter((claim) => readsFrom(store, claim, scene)) : [];
  const violated = [...violationsOf(id, scene), ...by];
  const [workload = null, ...others] = store?.workloads ?? [];
  const accused = { subject: { kind: 'asset', name: id } as const, workload: others.length === 0 ? workload : null };
  const summary = tellViolations(violated);
  return accuse({ cause: 'isolation', ...accused, summary }, [...violated, ...protectionsOff(id, scene)], []);
}

/** However many tenants see each other, a workload that leaks by itself is one incident. */
function ofWorkload(api: readonly Symptom[], scene: Scene): Diagnosis {
  const [first] = api as readonly [Symptom, ...Symptom[]];
  const name = api.flatMap(placesOf)[0]?.[0];
  const own = name === undefined ? api : api.filter((claim) => placesOf(claim).some(([each]) => each === name));
  const { subject, why } = name === undefined ? { subject: first.subject, why: '' } : leakingPart(name, own, scene);
  const summary = `${why}${tellViolations(own)}`;
  return accuse({ cause: 'isolation', subject, workload: name ?? null, summary }, own, []);
}

/**
 * What of a workload leaks: an instance while others that run the same do not; otherwise what was changed right before, a
 * version or a setting; otherwise all of it.
 */
function leakingPart(
  name: string,
  claims: readonly Symptom[],
  scene: Scene,
): Pick<Accused, 'subject'> & { readonly why: string } {
  const slots = new Set(claims.flatMap((claim) => placesOf(claim).map((place) => place.join('/'))));
  const all = workloadOf(scene.fleet, name)?.instances.filter(({ role }) => role === 'occupant') ?? [];
  const slotOf = ({ workload, region, ordinal }: InstanceView) => `${workload}/${region}/${ordinal}`;
  const [one, ...more] = all.filter((each) => slots.has(slotOf(each)));
  const hasEqual = all.some((each) => each !== one && each.version === one?.version);
  if (one && more.length === 0 && hasEqual) {
    return { subject: { kind: 'asset', name: `instance ${slotOf(one)}` }, why: '' };
  }
  const ids = one ? [one, ...more].map(({ id }) => id) : null;
  const best = likeliest(suspectsOf(claims, [name], ids, [], scene));
  if (best) return { subject: best.subject, why: `${best.why}: ` };
  return { subject: { kind: 'workload', name }, why: '' };
}

/** Slots in which it was found, as workload, region and ordinal. */
function placesOf({ evidence: { where } }: Symptom): readonly (readonly string[])[] {
  return Array.isArray(where) ? where.map((place) => String(place).split('/')) : [];
}
