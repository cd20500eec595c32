import type { Autonomy, Playbook } from '../resources/playbook.ts';
import type { Policy, Situation } from './situation.ts';

const LEVELS: readonly Autonomy[] = ['observe', 'propose', 'approve', 'auto'];

/**
 * How far a playbook goes without a person: the lowest of what it was given, what the policy allows the whole fleet, and
 * what its harm has left it. Harm takes it to `approve` at once, and keeps it there until the demotion is lifted or has
 * left the window in which harm is counted. Pure. Drills are asked for by the guard `drilled`.
 */
export function levelOf(
  playbook: Playbook | undefined,
  trust: Situation['trust'],
  policy: Pick<Policy, 'autonomyMax' | 'harmMax'>,
): { readonly level: Autonomy; readonly reason: string } {
  if (!playbook) return { level: 'observe', reason: 'the playbook is not known' };
  const { name } = playbook.metadata;
  const given = lower(playbook.spec.autonomy, policy.autonomyMax);
  const shown = trust[name];
  const isDemoted = shown !== undefined && (shown.demotedAt !== null || shown.harm > policy.harmMax);
  if (isDemoted && given === 'auto') {
    return { level: 'approve', reason: `playbook ${name} did harm: ${shown.harm} failed requests` };
  }
  if (given === 'approve') return { level: given, reason: `playbook ${name} asks for a person` };
  return { level: given, reason: given === 'auto' ? '' : `playbook ${name} only ${given}s` };
}

function lower(a: Autonomy, b: Autonomy): Autonomy {
  return LEVELS.indexOf(a) <= LEVELS.indexOf(b) ? a : b;
}

/** What repairs and drills of the recent past came to, oldest first. */
export interface TrackRecord {
  readonly harms: readonly { readonly playbook: string; readonly at: number; readonly failed: number }[];
  readonly drills: readonly { readonly playbook: string; readonly at: number; readonly passed: boolean }[];
  /** When a person said that a playbook may run alone again. */
  readonly pardons: readonly { readonly playbook: string; readonly at: number }[];
}

/**
 * The trust in each playbook that has a record. The harm budget counts a sliding window; the repair that spends it demotes
 * its playbook at once, and only a person takes that back. A drill that failed takes away the one that had passed. Pure.
 */
export function trustFrom(
  { harms, drills, pardons }: TrackRecord,
  policy: { readonly harmMax: number; readonly harmWindowMs: number },
  now: number,
): Situation['trust'] {
  const names = new Set([...harms, ...drills].map(({ playbook }) => playbook));
  return Object.fromEntries(
    [...names].map((name) => {
      const own = harms.filter(({ playbook, at }) => playbook === name && at <= now);
      const within = (until: number) =>
        own
          .filter(({ at }) => at > until - policy.harmWindowMs && at <= until)
          .reduce((sum, { failed }) => sum + failed, 0);
      const overdrawn = own.findLast(({ at }) => within(at) > policy.harmMax)?.at ?? null;
      const isPardoned = pardons.some(({ playbook, at }) => playbook === name && overdrawn !== null && at >= overdrawn);
      const drill = drills.findLast(({ playbook, at }) => playbook === name && at <= now);
      const drilledAt = drill?.passed === true ? drill.at : null;
      return [name, { drilledAt, harm: isPardoned ? 0 : within(now), demotedAt: isPardoned ? null : overdrawn }];
    }),
  );
}
