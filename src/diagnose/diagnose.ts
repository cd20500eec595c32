import { assert } from '../base/assert.ts';
import { type CallReadings, NO_READINGS } from '../detect/call-graph.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { changes } from './changes.ts';
import { conditions } from './conditions.ts';
import { dependencies } from './dependencies.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { FleetView } from './fleet-view.ts';
import { foreseen } from './foreseen.ts';
import { hosts } from './hosts.ts';
import { instances } from './instances.ts';
import { leaks } from './leaks.ts';
import { withLearntCalls } from './learnt-calls.ts';
import { noisyTenants } from './noisy-tenants.ts';
import { observers } from './observers.ts';
import { overloads } from './overloads.ts';
import { ownProcesses } from './own-processes.ts';
import { poisons } from './poisons.ts';
import type { Rule, Scene } from './scene.ts';
import { gather, inShort, STORM_SIZE } from './storm.ts';
import { routes } from './routes.ts';
import { sharedTraits } from './shared-traits.ts';
import { unknowns } from './unknowns.ts';
import { versions } from './versions.ts';
import { violations } from './violations.ts';
import { worsenings } from './worsenings.ts';

/**
 * From the most specific to the least. Each takes the symptoms that it explains, so that a victim never becomes an
 * incident of its own:
 *
 *  1. who looks may be what is wrong, and what hung of Kintsugi itself is told as such;
 *  2. data that leak are contained before anything else is thought of;
 *  3. requests that kill explain deaths;
 *  4. conditions that were measured of things explain what whoever needs these things does;
 *  5. facts that violate controls of tenants, and that no condition explains, are put right for themselves;
 *  6. a tenant that drowns the others explains their slowness and failures;
 *  7. a version that is worse than the one before explains what its instances do;
 *  8. what fails together, and began after something was changed, suspects the change, or who uses most of it;
 *  9. what became a little worse when a setting was changed suspects the setting;
 * 10. what others run for us and fails explains who calls it;
 * 11. one route that fails or is slow for everybody is what is broken;
 * 12. what shares a machine and fails together suspects the machine;
 * 13. what shares a region or a store and is worse than its siblings is one incident that names that;
 * 14. an instance explains itself and who calls it;
 * 15. load explains slowness that is left;
 * 16. what has not failed yet and will is dealt with in time, and what a repair added and nobody needs goes;
 * 17. what is left is unknown, and said so.
 */
const RULES: readonly Rule[] = [
  observers,
  ownProcesses,
  leaks,
  poisons,
  conditions,
  violations,
  noisyTenants,
  versions,
  changes,
  worsenings,
  dependencies,
  routes,
  hosts,
  sharedTraits,
  instances,
  overloads,
  foreseen,
  unknowns,
];

/**
 * Names the suspected causes of the symptoms that stand: one for each incident, and no subject twice. Pure: equal input
 * gives equal output, and nothing of it depends on what has been said before. However many symptoms there are, the answer
 * can be read: what no rule can put together, and what is too much to be looked at one by one, is one storm.
 */
export function diagnose(
  symptoms: Symptoms,
  declared: FleetView,
  readings: CallReadings = NO_READINGS,
): readonly Diagnosis[] {
  const fleet = withLearntCalls(declared, readings);
  const found = new Map<string, Diagnosis>();
  let scene: Scene = { fleet, all: symptoms, left: symptoms, readings };
  for (const rule of RULES) {
    let own: Diagnosis[] = [];
    for (;;) {
      const diagnosis = scene.left.size === 0 ? undefined : rule(scene);
      if (!diagnosis) break;
      const before = scene.left.size;
      scene = without(scene, diagnosis);
      assert(scene.left.size < before, `what ${diagnosis.key} is accused of was left`);
      own.push(diagnosis);
      if (own.length < STORM_SIZE) continue;
      own = [...gather(own, scene)];
      scene = without(scene, own[0]!);
    }
    for (const diagnosis of own) {
      // What has ended explains what is still felt of it, and is no incident any more.
      if (diagnosis.evidence.every(({ over }) => over)) continue;
      const known = found.get(diagnosis.key);
      found.set(diagnosis.key, known ? together(known, diagnosis) : diagnosis);
    }
  }
  return [...found.values()].map(inShort);
}

/** A new set of claims each time: what was sorted out about the old one does not hold for it. */
function without(scene: Scene, diagnosis: Diagnosis): Scene {
  const left = new Map(scene.left);
  for (const key of diagnosis.explains) left.delete(key);
  return { ...scene, left };
}

/** One subject is one incident: what was found first names the cause. */
function together(first: Diagnosis, second: Diagnosis): Diagnosis {
  return {
    ...first,
    evidence: [...first.evidence, ...second.evidence],
    explains: [...new Set([...first.explains, ...second.explains])],
    suspects: first.suspects.length > 0 ? first.suspects : second.suspects,
  };
}
