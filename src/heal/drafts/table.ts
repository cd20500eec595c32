import type { MoveName } from '../../resources/playbook.ts';
import { clausesIn } from '../../diagnose/clauses.ts';
import { NOTHING_TOUCHED } from '../plan.ts';
import { backUp, deadLetter, failover, rotate, run, syncClock, terminate } from './acting.ts';
import { limiting, suspend } from './limiting.ts';
import type { DraftMove, Scene } from './scene.ts';
import { scaleIn, scaleOut } from './scaling.ts';
import { goBack, replaceInstances } from './succession.ts';
import { recreate, reenable, reroute, resize, revert } from './writing.ts';

const page: DraftMove = ({ incident, summary, evidence }) => [
  {
    move: 'page',
    input: { incident, summary: `${summary}${adviceFor(evidence)}` },
    touch: NOTHING_TOUCHED,
    effect: 'a person is called',
    undo: 'what was said stays said',
  },
];

/** What the violated controls say has to be done. */
function adviceFor(evidence: Scene['evidence']): string {
  const advice = new Set(clausesIn(evidence).flatMap((each) => each.advice));
  return advice.size === 0 ? '' : `. To do: ${[...advice].join('; ')}`;
}

/** How each move is drafted for a scene. */
export const DRAFTS: Readonly<Record<MoveName, DraftMove>> = {
  revert,
  rollback: goBack,
  quarantine: limiting('quarantine'),
  throttle: limiting('throttle'),
  shed: limiting('shed'),
  suspend,
  reroute,
  restart: replaceInstances,
  replace: replaceInstances,
  scale: scaleOut,
  'scale-in': scaleIn,
  resize,
  recreate,
  reenable,
  terminate,
  rotate,
  'sync-clock': syncClock,
  'back-up': backUp,
  'dead-letter': deadLetter,
  failover,
  run,
  page,
};
