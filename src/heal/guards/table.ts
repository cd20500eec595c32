import { causeNotVictim, flapDamping, freshEvidence, overload, panic, vantageQuorum } from './evidence.ts';
import type { Guard } from './guard.ts';
import { approval, autonomy, consent, drilled, freeze, leastPrivilege, pause, regulation, stop } from './leave.ts';
import { attempts, fight, healerHealth, onePerTarget, planFresh, velocity } from './pace.ts';
import { blastRadius, capacity, independence, minimumHealthy, progressive, selection, warmReturn } from './reach.ts';
import { accountable, dataSafe, journaled, lastKnownGood, soak } from './soundness.ts';

/** All guards, in the order in which people read their verdicts: leave, truth, others, reach, soundness. */
export const GUARDS: readonly Guard[] = [
  stop,
  pause,
  freeze,
  autonomy,
  drilled,
  regulation,
  consent,
  approval,
  leastPrivilege,
  freshEvidence,
  vantageQuorum,
  panic,
  flapDamping,
  causeNotVictim,
  overload,
  onePerTarget,
  planFresh,
  attempts,
  velocity,
  fight,
  healerHealth,
  selection,
  blastRadius,
  minimumHealthy,
  progressive,
  capacity,
  warmReturn,
  independence,
  journaled,
  soak,
  lastKnownGood,
  dataSafe,
  accountable,
];
