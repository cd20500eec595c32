/** A number in [0, 1). */
export type Random = () => number;

/** Deterministic randomness (mulberry32): equal seeds give equal days at the clinic. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Time to the next arrival of a Poisson process. */
export function exponentialMs(perSecond: number, random: Random): number {
  return (-Math.log(1 - random()) / perSecond) * 1_000;
}

/** One of the names, as often as its weight says. */
export function weighted<Name extends string>(weights: Readonly<Record<Name, number>>, random: Random): Name {
  const entries = Object.entries(weights) as [Name, number][];
  let rest = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of entries) {
    rest -= weight;
    if (rest < 0) return name;
  }
  return entries.at(-1)![0];
}
