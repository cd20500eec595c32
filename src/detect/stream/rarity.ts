import { zeros } from './zeros.ts';

const BINS = 48;
const BINS_PER_OCTAVE = 4;
const OCTAVES_BELOW_ONE = 3;
/** What is milder than this is all the same. */
const MILD = 2 ** -OCTAVES_BELOW_ONE;

/** How often each severity has been met: counts on a logarithmic scale. */
export interface Rarity {
  readonly counts: number[];
  points: number;
}

export function startRarity(): Rarity {
  return { counts: zeros(BINS), points: 0 };
}

export function countSeverity(rarity: Rarity, severity: number): void {
  rarity.points += 1;
  rarity.counts[binOf(severity)]! += 1;
}

/** One in how many points of this series was as severe as this or more, this one counted. */
export function oneIn(rarity: Rarity, severity: number): number {
  let as = 0;
  for (let bin = binOf(severity); bin < BINS; bin++) as += rarity.counts[bin]!;
  return Math.round(rarity.points / Math.max(1, as));
}

function binOf(severity: number): number {
  if (severity <= MILD) return 0;
  return Math.min(BINS - 1, Math.floor((Math.log2(severity) + OCTAVES_BELOW_ONE) * BINS_PER_OCTAVE));
}
