import type { SymptomName } from '../detect/symptom.ts';
import { accuse, named, type Rule } from './scene.ts';

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

/** A tenant that drowns the others. It does not explain a death. */
export const noisyTenants: Rule = (scene) => {
  const [claim] = named(scene.left, ['noisy-tenant']);
  if (!claim) return undefined;
  const victims = named(scene.left, VICTIM_SYMPTOMS).filter(({ since }) => since >= claim.since - BEFORE_MS);
  return accuse({ cause: 'tenant', subject: claim.subject, workload: null, summary: claim.reason }, [claim], victims);
};
