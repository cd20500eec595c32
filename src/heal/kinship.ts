import { oncePer } from '../base/once-per.ts';
import { type Subject, symptomKey, type SymptomName } from '../detect/symptom.ts';
import { placeOf } from '../diagnose/claims.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Incident } from './memory.ts';

/** What comes back within this time after it was last seen, under its own name or in its own place, never went. */
const RETURNS_MS = 600_000;
/** What was explained stays explained for so long: it is seen a little longer than what explained it. */
const EXPLAINED_MS = 60_000;
/** Began at one moment: reports come this far apart. */
const AT_ONCE_MS = 2_500;
/** What falls over because of something larger does so within this time. */
const FOLLOWS_MS = 60_000;
/** Of these several are as one when they begin as one. */
const FALL_TOGETHER: ReadonlySet<Subject['kind']> = new Set(['instance', 'version']);
const KNOWN_MAX = 1_000;

/** What an incident was, as far as it matters to whether another belongs to it. */
interface Relative {
  /** The first of all that belong together. */
  readonly root: string;
  readonly key: string;
  readonly place: string | null;
  readonly workloads: ReadonlySet<string>;
  readonly kind: Subject['kind'];
  readonly isPuzzle: boolean;
  /** Something measured, and not how somebody is served. */
  readonly isFact: boolean;
  readonly names: ReadonlySet<SymptomName>;
  readonly began: number;
  /** What was said of it last. */
  said: Diagnosis;
  /** When it was last open. */
  lastAt: number;
}

/**
 * Which incidents have one cause although they are several: each is decided on and repaired for itself, and says to which
 * it belongs, so that people count one. Looks back over what this process saw; who begins to lead knows what is open.
 */
export class Kinship {
  readonly #slotOf: (instance: string) => string | undefined;
  readonly #known = new Map<string, Relative>();

  /** `slotOf` names the slot of an instance, which its successor has as well. */
  constructor(slotOf: (instance: string) => string | undefined) {
    this.#slotOf = slotOf;
  }

  /** The first of the incidents that this belongs to; undefined when it stands for itself. */
  rootOf(diagnosis: Diagnosis, now: number): string | undefined {
    const own = this.#portray(diagnosis, '', now);
    const evidence = diagnosis.evidence.map((each) => symptomKey(each.name, each.subject));
    const isKin = (each: Relative) =>
      isReturn(own, each) ||
      isAtOnce(own, each) ||
      isOfLarger(own, each) ||
      (now - each.lastAt <= EXPLAINED_MS && evidence.length > 0 && evidence.every((key) => keysOf(each.said).has(key)));
    // What is nearest in time names it.
    return [...this.#known.values()].findLast((each) => now - each.lastAt <= RETURNS_MS && isKin(each))?.root;
  }

  /** It is open, and explained so at this moment. */
  note({ id, body }: Incident, diagnosis: Diagnosis, now: number): void {
    const known = this.#known.get(id);
    if (!known || known.key !== diagnosis.key) {
      const began = known?.began ?? Number.POSITIVE_INFINITY;
      const fresh = this.#portray(diagnosis, body.belongsTo ?? id, now);
      this.#known.set(id, { ...fresh, began: Math.min(began, fresh.began) });
      return;
    }
    known.said = diagnosis;
    known.lastAt = now;
  }

  /** Forgets what is too long ago to matter. */
  forget(now: number): void {
    for (const [id, { lastAt }] of this.#known) if (now - lastAt > RETURNS_MS) this.#known.delete(id);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  #portray(diagnosis: Diagnosis, root: string, now: number): Relative {
    const { key, subject, workload, evidence, cause } = diagnosis;
    const places = [workload, ...evidence.map(placeOf)];
    return {
      root,
      key,
      place: subject.kind === 'instance' ? (this.#slotOf(subject.name) ?? null) : null,
      workloads: new Set(places.filter((each) => each !== null)),
      kind: subject.kind,
      isPuzzle: cause === 'unknown',
      isFact: evidence.length > 0 && evidence.every(({ name }) => name.startsWith('fact-')),
      names: new Set(evidence.map(({ name }) => name)),
      began: Math.min(now, ...evidence.map(({ since }) => since)),
      said: diagnosis,
      lastAt: now,
    };
  }
}

/** The same, or its successor in the same place with the same, or one that was to be that and did not come up. */
function isReturn(own: Relative, other: Relative): boolean {
  if (own.key === other.key) return own.kind === 'instance' || haveInCommon(own.names, other.names);
  if (own.place === null || own.place !== other.place) return false;
  return own.names.has('start-failed') || haveInCommon(own.names, other.names);
}

/** Several that fell over in the same way at one moment, or whatever began at one moment in one place. */
function isAtOnce(own: Relative, other: Relative): boolean {
  if (own.isFact !== other.isFact || Math.abs(own.began - other.began) > AT_ONCE_MS) return false;
  const areAlike = own.kind === other.kind && FALL_TOGETHER.has(own.kind) && haveInCommon(own.names, other.names);
  return areAlike || (own.kind !== other.kind && haveInCommon(own.workloads, other.workloads));
}

/** Something larger is wrong in the same way where an instance fell over, whichever was seen first; or nobody can tell why. */
function isOfLarger(own: Relative, other: Relative): boolean {
  if (own.isFact !== other.isFact || !haveInCommon(own.workloads, other.workloads)) return false;
  if (own.isPuzzle) return own.began >= other.began - AT_ONCE_MS && own.began <= other.lastAt + FOLLOWS_MS;
  const isOneLarger = (own.kind === 'instance') !== (other.kind === 'instance');
  const areAlike = haveInCommon(shapesOf(own), shapesOf(other));
  return isOneLarger && areAlike && Math.abs(own.began - other.began) <= FOLLOWS_MS;
}

/** What a claim comes to, of a process or of all that is larger: it ends, hangs, fails or is slow. */
const SHAPES: readonly (readonly [string, RegExp])[] = [
  ['ends', /^(exited|crash-loop|start-failed|deaths-recurring|poison)$/],
  ['hangs', /^(hung|probe-failed)$/],
  ['fails', /(-errors|-failing)$/],
  ['slow', /(-slow|^overloaded|-outlier)$/],
];

function shapesOf({ names }: Relative): ReadonlySet<string> {
  return new Set([...names].map((name) => SHAPES.find(([, claims]) => claims.test(name))?.[0] ?? name));
}

function haveInCommon<Item>(some: ReadonlySet<Item>, others: ReadonlySet<Item>): boolean {
  return [...some].some((each) => others.has(each));
}

/** Everything that a diagnosis says to explain. */
export const keysOf = oncePer(
  ({ evidence, explains: keys }: Diagnosis): ReadonlySet<string> =>
    new Set([...keys, ...evidence.map((each) => symptomKey(each.name, each.subject))]),
);
