import type { Instance } from './instance.ts';

/**
 * Whether processes are well in themselves, as only the world knows it: they serve, and nothing is the matter with them.
 * A victim of something else is well. Undefined when none of them is known.
 */
export function areWell(instances: readonly (Instance | undefined)[]): boolean | undefined {
  const known = instances.filter((each) => each !== undefined);
  return known.length === 0 ? undefined : known.every(isWell);
}

function isWell({ state, ready, behaviour }: Instance): boolean {
  const { failing, ofRoutes, calls, latencyMs, capacityTimes, hangs, unreachable, notReady, leakPerS, leaks } =
    behaviour;
  const isSlow = latencyMs > 0 || capacityTimes < 1;
  const isBroken = hangs || unreachable || notReady || leakPerS > 0 || leaks;
  return state === 'running' && ready && failing.length + ofRoutes.length + calls.size === 0 && !isSlow && !isBroken;
}
