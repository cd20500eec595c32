import type { JsonObject } from '../../src/base/json.ts';
import { BUILTIN_PLAYBOOKS } from '../../src/heal/playbooks.ts';
import { MOVE_TRAITS } from '../../src/heal/move-traits.ts';
import { NOTHING_TOUCHED, type Outcome, type Plan, type Step } from '../../src/heal/plan.ts';
import type { Reading } from '../../src/heal/verification.ts';
import { MOVES, type MoveName } from '../../src/resources/playbook.ts';

/** What a person says as soon as the journal holds an event of a step. */
export interface Saying {
  readonly say: 'approved' | 'rejected' | 'cancelled';
  readonly by: string;
  readonly when: 'opened' | 'intent' | 'applied' | 'undone';
  readonly moveIndex: number;
}

/** One way in which a ladder can be climbed, with its end. */
export interface Course {
  /** The move or the playbook that it is about. */
  readonly of: string;
  readonly what: string;
  /** Rungs, each with its moves in order. */
  readonly ladder: readonly (readonly MoveName[])[];
  /** What the signal says after each rung; good when it is left out. */
  readonly readings?: readonly Reading[];
  /** The effect that fails by itself, whoever makes it: under which key, and its name. */
  readonly fault?: { readonly key: string; readonly name: string };
  readonly neverReady?: readonly string[];
  /** Steps that a guard denies at the last moment. */
  readonly denied?: readonly number[];
  readonly people?: readonly Saying[];
  readonly needsApproval?: boolean;
  /** A leak, which its limits hold whatever of their rung goes back. */
  readonly leak?: true;
  /** What was before the writes of the course is forbidden: they are never taken back. */
  readonly stays?: true;
  /** Moves that cannot be taken back here. */
  readonly irreversible?: readonly MoveName[];
  /** The last step of the rung starts an instance anew because of the setting that the first one writes. */
  readonly rereads?: boolean;
  /** How the instances are that are replaced. */
  readonly old?: 'ready' | 'running' | 'gone';
  readonly ends: Outcome;
}

export const REGION = 'eu';
/** Slots of its own for each step: a plan never touches again what one of its rungs has taken back. */
const SLOTS_PER_STEP = 3;

/** The settings, facts and slots that the steps of a course find. */
export function surroundingsOf({ ladder }: Course) {
  const steps = ladder.flat();
  return {
    slots: Array.from({ length: steps.length * SLOTS_PER_STEP }, (_, ordinal) => `${REGION}/${ordinal}`),
    settings: Object.fromEntries(
      steps.flatMap((_, at) => Object.entries(SETTINGS).map(([name, value]) => [`${name}${at}`, value])),
    ),
    facts: Object.fromEntries(steps.flatMap((_, at) => Object.entries(factsOf(at)))),
  };
}

const SETTINGS: Readonly<Record<string, string>> = {
  'records/LIMIT': 'low',
  'records/ROUTE': 'old way',
  'records/PROTECTION': 'off',
};

/** The setting that instances read at their start alone. */
export const READ_AT_START = 'records/LIMIT0';

function factsOf(at: number): Readonly<Record<string, string>> {
  return {
    [`session db/${at} session 42`]: 'open',
    [`credential db/${at} used`]: 'v1',
    [`clock host-${at} offset`]: '90000',
    [`clock host-${at} time service`]: 'off',
    [`queue mail/${at} queued 7`]: 'yes',
    [`store db/${at} primary`]: 'a',
    [`store db/${at} route`]: 'a',
    [`host host-${at} output`]: 'broken',
  };
}

function placeOf(ordinal: number, old: Course['old'] = 'ready') {
  const name = `${REGION}/${ordinal}`;
  return { region: REGION, ordinal, oldInstance: `${name}:old`, newInstance: `${name}:new`, oldState: old };
}

function settingOf(name: string, at: number, value: string): JsonObject {
  const oldValue = SETTINGS[name] ?? null;
  const setting = `${name}${at}`;
  return { setting, value, expectedRevision: oldValue === null ? 0 : 4, oldValue, key: `pln_1:${setting}` };
}

function actOf(verb: string, asset: string, from: string, to: string): JsonObject {
  return { verb, asset, key: `pln_1:${verb} ${asset}`, input: { from, to } };
}

/** What the step `at` of a plan is told when it makes this move. */
function inputOf(move: MoveName, at: number, old: Course['old']): JsonObject {
  const limit = { tenant: 'shop', requestsPerSecond: 5, concurrency: 2, minutes: 10, id: `pln_1-${move}-${at}` };
  const first = at * SLOTS_PER_STEP;
  const slots = Array.from({ length: SLOTS_PER_STEP }, (_, i) => placeOf(first + i, old));
  const back = { workload: 'records', from: 2, to: 1, oldPhase: 'canary', slots };
  const one = { ...placeOf(first, old), workload: 'records', version: 2, oldVersion: 2 };
  const inputs: Readonly<Record<MoveName, JsonObject>> = {
    revert: { ...back, inPlace: true },
    rollback: { ...back, inPlace: false },
    quarantine: { ...limit, kind: 'quarantine' },
    throttle: { ...limit, kind: 'throttle' },
    shed: { ...limit, kind: 'shed', share: 0.5 },
    suspend: { actor: `job nightly-${at}`, key: 'pln_1' },
    reroute: settingOf('records/ROUTE', at, 'new way'),
    restart: { ...one, inPlace: true },
    replace: { ...one, inPlace: false },
    scale: { workload: 'records', regions: [REGION], by: 2, key: `pln_${at}` },
    'scale-in': { workload: 'records', region: REGION, key: `pln_in_${at}` },
    resize: settingOf('records/LIMIT', at, 'high'),
    recreate: settingOf('records/OBJECT', at, 'there'),
    reenable: settingOf('records/PROTECTION', at, 'on'),
    terminate: actOf('terminate', `session db/${at}`, '42', ''),
    rotate: actOf('rotate', `credential db/${at}`, 'v1', 'v2'),
    'sync-clock': actOf('sync-clock', `clock host-${at}`, '90000', '0'),
    'back-up': actOf('back-up', `object backups db/${at}`, '', ''),
    'dead-letter': actOf('dead-letter', `queue mail/${at}`, '7', ''),
    failover: actOf('failover', `store db/${at}`, 'a', 'b'),
    run: actOf('run', `host host-${at}`, 'broken', 'mended'),
    page: { incident: 'inc_1', summary: 'it is broken' },
  };
  return inputs[move];
}

/** The plan of a course. */
export function planOf(course: Course): Plan {
  const moves = course.ladder.flatMap((rung, i) => rung.map((move) => ({ move, rung: i })));
  const steps = moves.map(({ move, rung }, at) => stepOf(course, move, rung, at));
  return {
    kind: 'plan',
    id: 'pln_1',
    incident: 'inc_1',
    cause: course.leak ? 'isolation' : 'instance-died',
    playbook: course.of,
    summary: '',
    answers: [],
    target: 'workload records',
    workload: 'records',
    revision: 1,
    madeAt: 0,
    expiresAt: 60_000,
    needsApproval: course.needsApproval ?? false,
    steps,
    verdicts: [],
  };
}

function stepOf({ irreversible, old, rereads, leak, stays }: Course, move: MoveName, rung: number, at: number): Step {
  const reread = rereads && at > 0 ? { rereads: READ_AT_START } : {};
  const lasting = stays && !MOVE_TRAITS[move].limits ? { stays } : {};
  const touch = { ...NOTHING_TOUCHED, reversible: !irreversible?.includes(move) };
  const said = { effect: move, undo: `no ${move}` };
  return {
    move,
    rung,
    input: {
      ...inputOf(move, at, old),
      ...reread,
      ...lasting,
      ...(leak && move === 'quarantine' ? { incident: 'inc_1' } : {}),
    },
    touch,
    ...said,
    soakMs: 100,
    verifyWithinMs: 200,
  };
}

const REPLACING: readonly MoveName[] = ['revert', 'rollback', 'restart', 'replace'];

/** What can come of one move, faults of single effects aside. */
function coursesOfMove(move: MoveName): readonly Course[] {
  const of = move;
  const ladder = [[move]];
  if (move === 'page') {
    return [
      { of, what: 'is made', ladder, ends: 'escalated' },
      { of, what: 'is denied', ladder, denied: [0], ends: 'refused' },
    ];
  }
  const bad = ['bad'] as const;
  const cancelled = (when: Saying['when']): Saying => ({ say: 'cancelled', by: 'anna', when, moveIndex: 0 });
  const approved = (by: string): Saying => ({ say: 'approved', by, when: 'opened', moveIndex: 0 });
  return [
    { of, what: 'heals', ladder, ends: 'healed' },
    { of, what: 'does not heal', ladder, readings: bad, ends: 'unwound' },
    { of, what: 'cannot be told to heal', ladder, readings: ['none'], ends: 'unwound' },
    { of, what: 'is denied', ladder, denied: [0], ends: 'refused' },
    { of, what: 'is approved by one', ladder, needsApproval: true, people: [approved('anna')], ends: 'healed' },
    {
      of,
      what: 'is rejected',
      ladder,
      needsApproval: true,
      people: [{ ...approved('anna'), say: 'rejected' }],
      ends: 'refused',
    },
    { of, what: 'is cancelled in flight', ladder, people: [cancelled('intent')], ends: 'unwound' },
    { of, what: 'is cancelled while it is verified', ladder, people: [cancelled('applied')], ends: 'unwound' },
    { of, what: 'does not heal, then a call', ladder: [[move], ['page']], readings: bad, ends: 'escalated' },
    { of, what: 'is contained and called', ladder: [[move, 'page']], ends: 'escalated' },
    { of, what: 'in a rung after a limit', ladder: [['throttle', move]], readings: bad, ends: 'unwound' },
    { of, what: 'in a rung before a limit that is denied', ladder: [[move, 'shed']], denied: [1], ends: 'unwound' },
    { of, what: 'cannot be taken back', ladder, readings: bad, irreversible: [move], ends: 'unwound' },
    ...(move === 'quarantine' ? coursesOfLeaks() : []),
    ...(move === 'reroute' ? coursesOfWaysHome() : []),
    ...(REPLACING.includes(move) ? coursesOfReplacing(move) : []),
    ...(move === 'scale' ? [neverReady(move, ['records-eu-4-pln_0'], 'ready', 'unwound')] : []),
  ];
}

function coursesOfReplacing(move: MoveName): readonly Course[] {
  const one = move === 'replace' || move === 'restart';
  const last = `${REGION}/${one ? 0 : 2}`;
  const states = ['ready', 'running', 'gone'] as const;
  const takesAway = move === 'restart' || move === 'revert';
  return [
    ...states.map((old) => neverReady(move, [`${last}:new`], old, 'unwound')),
    ...states.slice(1).map((old) => bad(move, old)),
    // What served cannot be had again: only here may an undo fail without a fault of its own.
    ...(one ? states.flatMap((old) => rereading(move, old)) : []),
    ...(takesAway ? [neverReady(move, [`${last}:new`, `${last}:new-back`], 'ready', 'stuck')] : []),
  ];
}

/** What holds a leak stands when the rest of its rung goes back, and is let go when a person says so. */
function coursesOfLeaks(): readonly Course[] {
  const [of, leak] = ['quarantine', true] as const;
  const ladder = [['quarantine', 'reenable']] as const;
  const cancelled: Saying = { say: 'cancelled', by: 'anna', when: 'applied', moveIndex: 1 };
  return [
    { of, what: 'of a leak does not heal', ladder, leak, readings: ['bad'], ends: 'unwound' },
    { of, what: 'of a leak, denied after it', ladder, leak, denied: [1], ends: 'unwound' },
    { of, what: 'of a leak, cancelled', ladder, leak, people: [cancelled], ends: 'unwound' },
  ];
}

/** Who was led back to where it may be is not led away again, and a number that the law asks for stays, whatever comes of the repair. */
function coursesOfWaysHome(): readonly Course[] {
  const [of, stays] = ['reroute', true] as const;
  const cancelled: Saying = { say: 'cancelled', by: 'anna', when: 'applied', moveIndex: 0 };
  const floor = { of: 'resize', ladder: [['resize']], stays } as const;
  return [
    { ...floor, what: 'to what the law asks for does not heal', readings: ['bad'], ends: 'unwound' },
    { ...floor, what: 'to what the law asks for, cancelled', people: [cancelled], ends: 'unwound' },
    {
      ...floor,
      what: 'to what the law asks for, then a limit',
      ladder: [['resize', 'shed']],
      readings: ['bad'],
      ends: 'unwound',
    },
    { of, what: 'home does not heal', ladder: [['reroute']], stays, readings: ['bad'], ends: 'unwound' },
    { of, what: 'home, cancelled', ladder: [['reroute']], stays, people: [cancelled], ends: 'unwound' },
    { of, what: 'home, then a limit', ladder: [['reroute', 'shed']], stays, readings: ['bad'], ends: 'unwound' },
  ];
}

function bad(of: MoveName, old: Course['old'] & string): Course {
  return { of, what: `of what is ${old} does not heal`, ladder: [[of]], readings: ['bad'], old, ends: 'unwound' };
}

function rereading(of: MoveName, old: Course['old'] & string): readonly Course[] {
  const course = { of, ladder: [['resize', of]] as const, rereads: true, old };
  return [
    { ...course, what: `of what is ${old} rereads a setting and heals`, ends: 'healed' },
    { ...course, what: `of what is ${old} rereads a setting and does not heal`, readings: ['bad'], ends: 'unwound' },
  ];
}

function neverReady(of: MoveName, ids: readonly string[], old: Course['old'] & string, ends: Outcome): Course {
  const what = `of what is ${old}: ${ids.join(' and ')} never ready`;
  return { of, what, ladder: [[of]], neverReady: ids, old, ends };
}

/** The ladders of the playbooks as they are built in: each rung heals once, none does, and one that is denied. */
function coursesOfPlaybooks(): readonly Course[] {
  return BUILTIN_PLAYBOOKS.flatMap(({ metadata, spec }) => {
    const of = `playbook ${metadata.name}`;
    const ladder = spec.ladder.map((rung) => [rung.move, ...rung.also.map((each) => each.move)]);
    const callsAt = ladder.findIndex((moves) => moves.includes('page'));
    const held = ladder.slice(0, callsAt < 0 ? undefined : callsAt);
    const failing = ladder.map(() => 'bad' as const);
    const leak = spec.answers.includes('isolation') ? { leak: true as const } : {};
    return [
      ...held.map((_, rung): Course => {
        const readings = failing.map((reading, i) => (i === rung ? 'good' : reading));
        return { of, what: `rung ${rung + 1} heals`, ladder, readings, ...leak, ends: 'healed' };
      }),
      { of, what: 'nothing heals', ladder, readings: failing, ...leak, ends: callsAt < 0 ? 'unwound' : 'escalated' },
      { of, what: 'the first step is denied', ladder, denied: [0], ...leak, ends: 'refused' },
    ] satisfies readonly Course[];
  });
}

/** Every course but those in which a single effect fails. */
export const COURSES: readonly Course[] = [...MOVES.flatMap(coursesOfMove), ...coursesOfPlaybooks()];
