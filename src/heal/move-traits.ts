import type { MoveName } from '../resources/playbook.ts';

/** What a kind of move is, whatever it is made on: declared once, and read by guards, plans and `docs/moves.md`. */
export interface MoveTraits {
  /** What it touches, for people. */
  readonly footprint: string;
  /** How it is taken back, for people. */
  readonly inverse: string;
  /** What it costs while it runs and after, for people. */
  readonly cost: string;
  /**
   * What is lost for good. `nothing`; `work`: what was in progress, and whoever did it can begin again; `data`: written
   * data, or an effect outside that nobody knows how to undo.
   */
  readonly loses: 'nothing' | 'work' | 'data';
  /** It may end a process, a session or a copy that works. */
  readonly takesAway: boolean;
  /** It keeps requests or an actor out, and ends by itself or with a switch. */
  readonly limits: boolean;
  /** It lives with what is wrong and does not end it: what is seen of its subject may stay as it is. */
  readonly evades: boolean;
  /** It goes back to what was good before. */
  readonly restores: boolean;
  /** 1: hardly any; 2: some; 3: a mistake is dear. */
  readonly risk: 1 | 2 | 3;
  /** A move that differs in nothing that people decide about: leave for one is leave for the other. */
  readonly twin?: MoveName;
}

/** Whether a move keeps requests out by intention: whoever is kept out fails, and that speaks against no repair. */
export function keepsOut(move: MoveName): boolean {
  const { limits, evades } = MOVE_TRAITS[move];
  return limits && evades;
}

const CALM = { loses: 'nothing', takesAway: false, limits: false, evades: false, restores: false, risk: 1 } as const;

export const MOVE_TRAITS: Readonly<Record<MoveName, MoveTraits>> = {
  revert: {
    ...CALM,
    footprint: 'one setting, or the configuration of one workload and the instances that run it',
    inverse: 'the value from before is written back, if nobody wrote another since',
    cost: 'one write; a restart of the instances that read it only at their start',
    restores: true,
    twin: 'rollback',
  },
  rollback: {
    ...CALM,
    footprint: 'the target version of one workload and the instances that run the bad one',
    inverse: 'the version from before is wanted again',
    cost: 'one successor for each instance of the bad version, two at a time',
    restores: true,
    risk: 2,
    twin: 'revert',
  },
  quarantine: {
    ...CALM,
    evades: true,
    footprint: 'requests of one fingerprint, route or tenant; in a leak, a whole workload',
    inverse: 'the limit is lifted',
    cost: 'those requests are refused until it ends',
    limits: true,
    risk: 2,
  },
  throttle: {
    ...CALM,
    evades: true,
    footprint: 'requests of one tenant, route or caller',
    inverse: 'the limit is lifted',
    cost: 'requests above the rate are refused until it ends',
    limits: true,
  },
  shed: {
    ...CALM,
    evades: true,
    footprint: 'a share of the requests to one workload, of one tenant or of all',
    inverse: 'the limit is lifted',
    cost: 'that share is refused until it ends',
    limits: true,
    risk: 2,
  },
  suspend: {
    ...CALM,
    footprint: 'one job, controller, client or sidecar',
    inverse: 'it goes on',
    cost: 'what it would have done is not done while it stands still',
    limits: true,
  },
  reroute: {
    ...CALM,
    evades: true,
    footprint: 'one route or resolver, and the tenants that it carries',
    inverse: 'the way from before is written back',
    cost: 'one write; the other way carries the load of both',
    risk: 2,
  },
  restart: {
    ...CALM,
    footprint: 'one instance, which stops before its successor starts',
    inverse: 'none is needed: the successor is equal',
    cost: 'the slot serves nobody until the successor is ready',
    loses: 'work',
    takesAway: true,
    risk: 2,
    twin: 'replace',
  },
  replace: {
    ...CALM,
    footprint: 'one instance, which stops after its successor is ready',
    inverse: 'a successor that did not come up is stopped, and the old one keeps the slot',
    cost: 'room for one more instance for a moment',
    takesAway: true,
    twin: 'restart',
  },
  scale: {
    ...CALM,
    evades: true,
    footprint: 'one workload in some regions',
    inverse: 'as many as before',
    cost: 'room for the new instances as long as they stay',
  },
  'scale-in': {
    ...CALM,
    footprint: 'one instance that a repair added, in one region',
    inverse: 'one is started in its place',
    cost: 'those that stay carry its load',
    takesAway: true,
  },
  resize: {
    ...CALM,
    footprint: 'one limit or quota',
    inverse: 'the limit from before is written back, if nobody wrote another since',
    cost: 'what the larger limit lets be used',
    risk: 2,
  },
  recreate: {
    ...CALM,
    footprint: 'one object, grant or key that is declared and absent',
    inverse: 'it is removed again',
    cost: 'one write',
    restores: true,
  },
  reenable: {
    ...CALM,
    footprint: 'one protection that is off',
    inverse: 'the state from before is written back',
    cost: 'one write; what the protection forbids is refused again',
    restores: true,
  },
  terminate: {
    ...CALM,
    footprint: 'one session of a store',
    inverse: 'none: its client begins again',
    cost: 'its open transaction is rolled back by the store',
    loses: 'work',
    takesAway: true,
    risk: 2,
  },
  rotate: {
    ...CALM,
    footprint: 'one certificate or credential, and the instances that hold the old one',
    inverse: 'the one from before is used again: both are valid until the repair has ended well',
    cost: 'one issue, and a restart of whoever does not read it anew',
    risk: 2,
  },
  'sync-clock': {
    ...CALM,
    footprint: 'the clock of one host',
    inverse: 'none is wanted: a clock is not set wrong again',
    cost: 'times on that host jump once',
  },
  'back-up': {
    ...CALM,
    footprint: 'the backups of one server, in its own region',
    inverse: 'none is wanted: one backup more takes nothing away',
    cost: 'the server is read once, and the room of one backup',
  },
  'dead-letter': {
    ...CALM,
    footprint: 'one record of a queue',
    inverse: 'the record is put back where it was',
    cost: 'the record waits for a person; those behind it go on',
    risk: 2,
  },
  failover: {
    ...CALM,
    evades: true,
    footprint: 'one store with all tenants in it, and the place of the copy',
    inverse: 'a copy without lag is failed back; what a lagging copy never had is lost',
    cost: 'no writes until the copy leads',
    loses: 'data',
    takesAway: true,
    risk: 3,
  },
  run: {
    ...CALM,
    footprint: 'what its parameters say',
    inverse: 'the `undo` of its parameters; none when there is none',
    cost: 'what its parameters say',
    loses: 'data',
    risk: 3,
  },
  page: {
    ...CALM,
    footprint: 'nothing',
    inverse: 'none: what was said stays said',
    cost: "a person's time",
  },
};
