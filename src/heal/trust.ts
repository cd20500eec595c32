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
