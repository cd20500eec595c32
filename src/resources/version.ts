import { digestOfJson } from '../base/digest.ts';
import type { Workload } from './workload.ts';

/**
 * Digest of how an artefact is run: driver, command, environment, names of its secrets (never their values), whether it
 * gets a place for data, what the system grants it. Together with the digest of the artefact's content it makes the
 * immutable version of a workload: a change of either changes the process that runs. They are told apart because they are
 * healed by different moves (rollback, revert).
 *
 * Number and place of instances, routing, probes, start, stop, rollout, dependencies, stores, labels, notes and the path
 * of the artefact say how instances are treated; they take effect without a new version. Equal for equal meaning, whatever
 * the order of keys.
 */
export function configDigest(workload: Workload): string {
  const { driver, command, config, secrets, keepsData, resources } = workload.spec;
  return digestOfJson({ driver, command, config, secrets, keepsData, resources });
}
