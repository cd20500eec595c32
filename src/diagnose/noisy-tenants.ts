import type { Symptom, SymptomName } from '../detect/symptom.ts';
import type { FleetView } from './fleet-view.ts';
import { named, placeOf } from './claims.ts';
import { accuse, dependantsOf, needsOf, type Rule } from './scene.ts';
import { textsOf } from './trouble.ts';

/** Slowness, refusals and failures of others that a tenant can cause by what it sends. */
const VICTIM_SYMPTOMS: readonly SymptomName[] = [
  'instance-slow',
  'instance-errors',
  'objective-burning',
  'overloaded',
  'probe-failed',
  'workload-errors',
  'workload-slow',
  'tenant-errors',
  'calls-failing',
  'calls-slow',
  'calls-surging',
  'version-slow',
];

/** What began longer before it has another cause. */
const BEFORE_MS = 60_000;

/** A tenant that drowns the others. It explains no death, and nothing where what it sends cannot be felt. */
export const noisyTenants: Rule = (scene) => {
  const [claim] = named(scene.left, ['noisy-tenant']);
  if (!claim) return undefined;
  const reached = reachOf(claim, scene.fleet);
  const victims = named(scene.left, VICTIM_SYMPTOMS).filter((each) => {
    const place = placeOf(each) ?? (each.subject.kind === 'asset' ? each.subject.name : null);
    return each.since >= claim.since - BEFORE_MS && (place === null || reached === undefined || reached.has(place));
  });
  return accuse({ cause: 'tenant', subject: claim.subject, workload: null, summary: claim.reason }, [claim], victims);
};

/**
 * Where it sends, what is called for that, whoever else calls those, and what they share with others. Undefined when it
 * was not told where it sends.
 */
function reachOf({ evidence }: Symptom, fleet: FleetView): ReadonlySet<string> | undefined {
  const sent = textsOf(evidence['workloads']);
  if (sent.length === 0) return undefined;
  const loaded = new Set([...sent, ...sent.flatMap((name) => [...needsOf(name, fleet)])]);
  const shared = fleet.assets.filter(({ workloads }) => workloads.some((name) => loaded.has(name)));
  const beside = shared.flatMap(({ workloads }) => workloads);
  const felt = dependantsOf([...loaded, ...beside], fleet);
  return new Set([...loaded, ...beside, ...felt, ...shared.map(({ id }) => id)]);
}
