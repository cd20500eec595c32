import type { JsonObject } from '../../src/base/json.ts';
import { BUILTIN_PLAYBOOKS } from '../../src/heal/playbooks.ts';
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
  /** Moves that cannot be taken back here. */
  readonly irreversible?: readonly MoveName[];
  /** How the instances are that are replaced. */
  readonly old?: 'ready' | 'running' | 'gone';
  readonly ends: Outcome;
}

const ORDINALS = [0, 1, 2];
export const REGION = 'eu';

function placeOf(ordinal: number, old: Course['old'] = 'ready') {
  const name = `${REGION}/${ordinal}`;
  return { region: REGION, ordinal, oldInstance: `${name}:old`, newInstance: `${name}:new`, oldState: old };
}

/** Settings as they are before, with their revisions. */
export const SETTINGS: Readonly<Record<string, string>> = {
  'records/LIMIT': 'low',
  'records/ROUTE': 'old way',
  'records/PROTECTION': 'off',
  'records/FLAG': 'on',
};

function setting(name: string, value: string): JsonObject {
  const oldValue = SETTINGS[name] ?? null;
  return { setting: name, value, expectedRevision: oldValue === null ? 0 : 4, oldValue, key: `pln_1:${name}` };
}

function act(verb: string, asset: string, from: string, to: string): JsonObject {
  return { verb, asset, key: `pln_1:${verb}`, input: { from, to } };
}

/** What is so of assets before. */
export const FACTS: Readonly<Record<string, string>> = {
  'session db/42 session 42': 'open',
  'credential db used': 'v1',
  'clock host-1 offset': '90000',
  'clock host-1 time service': 'off',
  'queue mail queued 7': 'yes',
  'store db primary': 'a',
  'store db route': 'a',
  'host host-1 output': 'broken',
};

function inputOf(move: MoveName, old: Course['old']): JsonObject {
  const limit = { tenant: 'shop', requestsPerSecond: 5, concurrency: 2, minutes: 10 };
  const slots = ORDINALS.map((ordinal) => placeOf(ordinal, old));
  const back = { workload: 'records', from: 2, to: 1, oldPhase: 'canary', slots };
  const one = { ...placeOf(0, old), workload: 'records', version: 2, oldVersion: 2 };
  const inputs: Readonly<Record<MoveName, JsonObject>> = {
    revert: { ...back, inPlace: true },
    rollback: { ...back, inPlace: false },
    quarantine: { ...limit, id: 'pln_1-quarantine', kind: 'quarantine' },
    throttle: { ...limit, id: 'pln_1-throttle', kind: 'throttle' },
    shed: { ...limit, id: 'pln_1-shed', kind: 'shed', share: 0.5 },
    suspend: { actor: 'job nightly', key: 'pln_1' },
    reroute: setting('records/ROUTE', 'new way'),
    restart: { ...one, inPlace: true },
    replace: { ...one, inPlace: false },
    scale: { workload: 'records', regions: [REGION], by: 2, key: 'pln_1' },
    resize: setting('records/LIMIT', 'high'),
    recreate: setting('records/OBJECT', 'there'),
    reenable: setting('records/PROTECTION', 'on'),
    terminate: act('terminate', 'session db/42', '42', ''),
    rotate: act('rotate', 'credential db', 'v1', 'v2'),
    'sync-clock': act('sync-clock', 'clock host-1', '90000', '0'),
    'dead-letter': act('dead-letter', 'queue mail', '7', ''),
    failover: act('failover', 'store db', 'a', 'b'),
    run: act('run', 'host host-1', 'broken', 'mended'),
    page: { incident: 'inc_1', summary: 'it is broken' },
  };
  return inputs[move];
}

/** The plan of a course. */
export function planOf(course: Course): Plan {
  const steps = course.ladder.flatMap((moves, rung) => moves.map((move) => stepOf(course, move, rung)));
  return {
    kind: 'plan',
    id: 'pln_1',
    incident: 'inc_1',
    cause: 'instance-died',
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

function stepOf({ irreversible, old }: Course, move: MoveName, rung: number): Step {
  const touch = { ...NOTHING_TOUCHED, reversible: !irreversible?.includes(move) };
  const said = { effect: move, undo: `no ${move}` };
  return { move, rung, input: inputOf(move, old), touch, ...said, soakMs: 100, verifyWithinMs: 200 };
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
    ...(REPLACING.includes(move) ? coursesOfReplacing(move) : []),
    ...(move === 'scale' ? [neverReady(move, [`records-eu-4-pln_1`], 'ready', 'unwound')] : []),
  ];
}

function coursesOfReplacing(move: MoveName): readonly Course[] {
  const last = `${REGION}/${move === 'replace' || move === 'restart' ? 0 : 2}`;
  const states = ['ready', 'running', 'gone'] as const;
  const takesAway = move === 'restart' || move === 'revert';
  return [
    ...states.map((old) => neverReady(move, [`${last}:new`], old, 'unwound')),
    ...states.slice(1).map((old) => bad(move, old)),
    // What served cannot be had again: only here may an undo fail without a fault of its own.
    ...(takesAway ? [neverReady(move, [`${last}:new`, `${last}:new-back`], 'ready', 'stuck')] : []),
  ];
}

function bad(of: MoveName, old: Course['old'] & string): Course {
  return { of, what: `of what is ${old} does not heal`, ladder: [[of]], readings: ['bad'], old, ends: 'unwound' };
}

function neverReady(of: MoveName, ids: readonly string[], old: Course['old'] & string, ends: Outcome): Course {
  const what = `of what is ${old}: ${ids.join(' and ')} never ready`;
  return { of, what, ladder: [[of]], neverReady: ids, old, ends };
}

/** The ladders of the playbooks as they are built in: each rung heals once, none does, and one that is denied. */
function coursesOfPlaybooks(): readonly Course[] {
  return BUILTIN_PLAYBOOKS.flatMap(({ metadata, spec }) => {
    const of = `playbook ${metadata.name}`;
    const ladder = spec.ladder.map((rung) => [rung.move, ...rung.then.map((each) => each.move)]);
    const callsAt = ladder.findIndex((moves) => moves.includes('page'));
    const held = ladder.slice(0, callsAt < 0 ? undefined : callsAt);
    const failing = ladder.map(() => 'bad' as const);
    return [
      ...held.map((_, rung): Course => {
        const readings = failing.map((reading, i) => (i === rung ? 'good' : reading));
        return { of, what: `rung ${rung + 1} heals`, ladder, readings, ends: 'healed' };
      }),
      { of, what: 'nothing heals', ladder, readings: failing, ends: callsAt < 0 ? 'unwound' : 'escalated' },
      { of, what: 'the first step is denied', ladder, denied: [0], ends: 'refused' },
    ] satisfies readonly Course[];
  });
}

/** Every course but those in which a single effect fails. */
export const COURSES: readonly Course[] = [...MOVES.flatMap(coursesOfMove), ...coursesOfPlaybooks()];
