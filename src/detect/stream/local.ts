/** About as many points as the last 70 count. */
const RATE = 0.015;
/** What is further out than this teaches the average no more than this: an outlier does not hide the next one. */
const CLIP_SPREADS = 4;
const WARM_UP_POINTS = 20;
const SPREADS_MAX = 50;

/** Short memory of the level and its spread. */
export interface Local {
  mean: number;
  variance: number;
  points: number;
}

export function startLocal(): Local {
  return { mean: 0, variance: 0, points: 0 };
}

/** How many spreads the value is from the level of late, before it becomes part of it; 0 while too little is known. */
export function meetLocal(local: Local, value: number, grain: number): number {
  local.points += 1;
  if (local.points === 1) local.mean = value;
  const spread = Math.sqrt(local.variance);
  const isWarm = local.points > WARM_UP_POINTS;
  const off = value - local.mean;
  const reach = CLIP_SPREADS * spread;
  const learnt = isWarm && spread > grain ? Math.max(-reach, Math.min(reach, off)) : off;
  const rate = Math.max(RATE, 1 / local.points);
  local.mean += rate * learnt;
  local.variance = (1 - rate) * (local.variance + rate * learnt * learnt);
  return isWarm ? Math.min(SPREADS_MAX, Math.abs(off) / (spread + grain)) : 0;
}
