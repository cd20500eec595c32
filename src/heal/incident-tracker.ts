import type { Clock } from '../base/clock.ts';
import { factOf, type SymptomName, symptomKey } from '../detect/symptom.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { isStorm } from '../diagnose/storm.ts';
import type { Cause } from '../resources/playbook.ts';
import { keysOf, Kinship } from './kinship.ts';
import type { Incident, Memory } from './memory.ts';

/** An incident whose symptoms are gone for this long, with no repair at work, is over. */
const QUIET_MS = 5_000;
/** Each time that it came back within this time, it has to be quiet twice as long: what comes and goes is one incident. */
const FLAPPING_MS = 600_000;
const QUIET_MS_MAX = 300_000;
/** Facts are measured less often than all else: who begins to lead waits for their word before it says that all is well. */
const MEASURED_MS = 300_000;
/** Detectors look back for so long: what is claimed within this time of the end may be of before it. */
const ECHO_MS = 15_000;

/** That a cause cannot be told is said once it could not be told for so long: what stands out beside it may name it by then. */
const PUZZLED_MS = 8_000;

/** Keeps incidents in step with diagnoses: one open incident per subject, opened at first sight, closed when quiet. */
export class IncidentTracker {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #lastSeen = new Map<string, number>();
  /** Since when the cause of what is not an incident yet cannot be told. */
  #puzzled: ReadonlyMap<string, number> = new Map();
  /** When incidents of a key went quiet lately. */
  readonly #quietened = new Map<string, readonly number[]>();
  readonly #kinship: Kinship;
  #open: readonly Incident[] = [];
  /** What was explained by incidents that a repair closed, and when that was heard of. */
  #healed: { readonly at: number; readonly keys: ReadonlySet<string> }[] = [];
  #stale = true;

  /** `slotOf` names the slot of an instance, as long as it is in one; where it is left out a successor is a stranger. */
  constructor(options: {
    readonly memory: Memory;
    readonly clock: Clock;
    readonly slotOf?: (instance: string) => string | undefined;
  }) {
    this.#kinship = new Kinship(options.slotOf ?? (() => undefined));
    this.#memory = options.memory;
    this.#clock = options.clock;
  }

  /** The incidents that are open, as last read. */
  get open(): readonly Incident[] {
    return this.#open;
  }

  /** Whether something changed since the incidents were read. */
  get isStale(): boolean {
    return this.#stale;
  }

  /** Called when something outside changed incidents: the next look reads them again. Until then the last read counts. */
  invalidate(): void {
    this.#stale = true;
  }

  async track(
    diagnoses: readonly Diagnosis[],
    isRepairing: (incident: string) => boolean,
  ): Promise<readonly Incident[]> {
    const now = this.#clock.now();
    await this.#readAgain();
    this.#relate(diagnoses, now);
    const puzzles = diagnoses.filter(({ cause }) => cause === 'unknown');
    this.#puzzled = new Map(puzzles.map(({ key }) => [key, this.#puzzled.get(key) ?? now]));
    for (const diagnosis of diagnoses) {
      this.#lastSeen.set(diagnosis.key, now);
      const known = this.#open.find((each) => each.key === diagnosis.key);
      if (known && isFirmer(diagnosis, known) && !isRepairing(known.id)) await this.#rediagnose(known, diagnosis);
      else if (known && violatesMore(diagnosis, known)) await this.#widen(known, diagnosis);
      if (known || this.#isEcho(diagnosis, now) || this.#isInHand(diagnosis, isRepairing)) continue;
      if (hasEnded(diagnosis) && this.#mayBeHealed(isRepairing)) continue;
      const same = this.#open.find((each) => isBetterSaid(each, diagnosis, diagnoses));
      if (!same && this.#mayBeTold(diagnosis, now)) continue;
      if (!same) await this.#openNew(diagnosis, now);
      else if (isRepairing(same.id)) this.#lastSeen.set(same.key, now);
      else await this.#rediagnose(same, diagnosis);
    }
    await this.#closeQuiet(now, diagnoses, isRepairing);
    return this.#open.flatMap((incident) => {
      const diagnosis = diagnoses.find((each) => each.key === incident.key);
      return diagnosis ? [{ ...incident, body: { ...incident.body, diagnosis: namedAs(diagnosis, incident) } }] : [];
    });
  }

  /** What was healed a moment ago still stands in the windows of detectors: nothing of it is news. */
  #isEcho({ evidence }: Diagnosis, now: number): boolean {
    this.#healed = this.#healed.filter(({ at }) => now - at < ECHO_MS);
    if (evidence.length === 0 || !evidence.every(({ name }) => isWindowed(name))) return false;
    return this.#healed.some(({ at, keys }) =>
      evidence.every((each) => each.since <= at && keys.has(symptomKey(each.name, each.subject))),
    );
  }

  #mayBeTold(diagnosis: Diagnosis, now: number): boolean {
    const since = this.#puzzled.get(diagnosis.key);
    return since !== undefined && now - since < PUZZLED_MS && !isStorm(diagnosis);
  }

  /** A repair is at work on what explains it, and nothing better than that is said of it. */
  #isInHand({ cause, evidence }: Diagnosis, isRepairing: (incident: string) => boolean): boolean {
    if (!WEAK.has(cause) || evidence.length === 0) return false;
    return this.#open.some(({ id, body }) => {
      if (WEAK.has(body.diagnosis.cause) || !isRepairing(id)) return false;
      const explained = keysOf(body.diagnosis);
      // Who only stood out when it was opened is sick a moment later.
      return evidence.every(({ name, subject }) =>
        [name, 'instance-outlier' as const].some((each) => explained.has(symptomKey(each, subject))),
      );
    });
  }

  /** A repair is at work or has healed a moment ago: what has ended meanwhile, of whomever, is spent. */
  #mayBeHealed(isRepairing: (incident: string) => boolean): boolean {
    return this.#healed.length > 0 || this.#open.some(({ id }) => isRepairing(id));
  }

  async #rediagnose(incident: Incident, diagnosis: Diagnosis): Promise<void> {
    const next = await this.#memory.rediagnoseIncident(incident, diagnosis);
    this.#open = this.#open.map((each) => (each.id === incident.id ? next : each));
  }

  /** More was measured to be violated by the same cause: its clauses are on the same incident, and on record. */
  async #widen(incident: Incident, diagnosis: Diagnosis): Promise<void> {
    const next = await this.#memory.widenIncident(incident, diagnosis);
    this.#open = this.#open.map((each) => (each.id === incident.id ? next : each));
  }

  /** What changes while it is read makes it stale again. */
  async #readAgain(): Promise<void> {
    if (!this.#stale) return;
    this.#stale = false;
    try {
      const open = await this.#memory.readOpenIncidents();
      const gone = this.#open.filter(({ id }) => open.every((each) => each.id !== id));
      const at = this.#clock.now();
      this.#healed.push(...gone.map(({ body }) => ({ at, keys: keysOf(body.diagnosis) })));
      this.#open = open;
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  async #openNew(diagnosis: Diagnosis, now: number): Promise<void> {
    const first = Math.min(now, ...diagnosis.evidence.map((each) => each.since));
    const incident = await this.#memory.openIncident(diagnosis, first, this.#kinship.rootOf(diagnosis, now));
    this.#open = [...this.#open, incident];
    this.#kinship.note(incident, diagnosis, now);
  }

  /** What is open, and what is said of it now: what begins later may belong to it. */
  #relate(diagnoses: readonly Diagnosis[], now: number): void {
    for (const incident of this.#open) {
      const said = diagnoses.find(({ key }) => key === incident.key);
      this.#kinship.note(incident, said ?? incident.body.diagnosis, now);
    }
    this.#kinship.forget(now);
  }

  async #closeQuiet(
    now: number,
    diagnoses: readonly Diagnosis[],
    isRepairing: (incident: string) => boolean,
  ): Promise<void> {
    for (const incident of this.#open) {
      const seenAt = this.#lastSeen.get(incident.key);
      if (seenAt === undefined) this.#lastSeen.set(incident.key, now + graceMsOf(incident));
      if (seenAt === undefined || isRepairing(incident.id)) continue;
      // What is found to be of another cause has not recovered, and need not prove that it stays away.
      const isMerged = diagnoses.some((each) => this.#isOpen(each.key) && explains(each, incident));
      if (now - seenAt < (isMerged ? QUIET_MS : this.#quietMs(incident.key, now))) continue;
      await this.#memory.closeIncident(incident.id, isMerged ? 'merged' : 'recovered');
      this.#open = this.#open.filter((each) => each.id !== incident.id);
      if (!isMerged) this.#quietened.set(incident.key, [...this.#lately(incident.key, now), now]);
    }
    for (const key of this.#quietened.keys()) if (this.#lately(key, now).length === 0) this.#quietened.delete(key);
    const open = new Set(this.#open.map(({ key }) => key));
    for (const [key, at] of this.#lastSeen) if (!open.has(key) && now - at >= QUIET_MS) this.#lastSeen.delete(key);
  }

  #isOpen(key: string): boolean {
    return this.#open.some((each) => each.key === key);
  }

  #quietMs(key: string, now: number): number {
    return Math.min(QUIET_MS_MAX, QUIET_MS * 2 ** this.#lately(key, now).length);
  }

  #lately(key: string, now: number): readonly number[] {
    return (this.#quietened.get(key) ?? []).filter((at) => now - at < FLAPPING_MS);
  }
}

/** The latest requests are well, and only a window still holds failures of before. */
function hasEnded({ evidence }: Diagnosis): boolean {
  return evidence.length > 0 && evidence.every((each) => each.over === true || each.evidence['ended'] === true);
}

function graceMsOf({ body }: Incident): number {
  return body.diagnosis.evidence.some(({ name }) => factOf(name) !== undefined) ? MEASURED_MS : 0;
}

/** Facts that violate controls are among the evidence that the incident as it is kept does not know of. */
function violatesMore({ evidence }: Diagnosis, { body }: Incident): boolean {
  const isOf = (name: SymptomName, subject: string) =>
    body.diagnosis.evidence.some((each) => each.name === name && each.subject.name === subject);
  return evidence.some(({ name, subject }) => factOf(name) !== undefined && !isOf(name, subject.name));
}

/** A claim over a span of time. What ended stays ended, and what is measured of a thing is so at this moment. */
function isWindowed(name: SymptomName): boolean {
  return !name.startsWith('asset-') && factOf(name) === undefined && !ENDED.has(name);
}

const ENDED: ReadonlySet<SymptomName> = new Set(['exited', 'hung', 'start-failed', 'crash-loop', 'probe-failed']);

/** What is said when nothing better can be. */
const WEAK: ReadonlySet<Cause> = new Set(['unknown', 'instance-degraded']);

/** A cause is named where there was none to speak of, or one tenant sees what is another's: then that comes first. */
function isFirmer({ cause }: Diagnosis, { body }: Incident): boolean {
  if (cause === 'isolation') return body.diagnosis.cause !== 'isolation';
  return WEAK.has(body.diagnosis.cause) && !WEAK.has(cause);
}

/** A cause that was named stays named while the same trouble lasts, though it cannot be told from what is left of it. */
function namedAs(diagnosis: Diagnosis, { body }: Incident): Diagnosis {
  if (diagnosis.cause !== 'unknown' || body.diagnosis.cause === 'unknown') return diagnosis;
  return { ...body.diagnosis, evidence: diagnosis.evidence, explains: diagnosis.explains };
}

/** The evidence of the incident is explained by this diagnosis now, and by no other that goes under its old name. */
function isBetterSaid(incident: Incident, diagnosis: Diagnosis, all: readonly Diagnosis[]): boolean {
  if (all.some(({ key }) => key === incident.key)) return false;
  return explains(diagnosis, incident);
}

function explains(diagnosis: Diagnosis, { key, body }: Incident): boolean {
  const { evidence } = body.diagnosis;
  if (diagnosis.key === key || evidence.length === 0) return false;
  const explained = keysOf(diagnosis);
  return evidence.every((each) => explained.has(symptomKey(each.name, each.subject)));
}
