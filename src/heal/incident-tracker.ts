import type { Clock } from '../base/clock.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Incident, Memory } from './memory.ts';

/** An incident whose symptoms are gone for this long, with no repair at work, is over. */
const QUIET_MS = 5_000;

/** Keeps incidents in step with diagnoses: one open incident per subject, opened at first sight, closed when quiet. */
export class IncidentTracker {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #lastSeen = new Map<string, number>();
  #open: readonly Incident[] = [];
  #stale = true;

  constructor(options: { readonly memory: Memory; readonly clock: Clock }) {
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
    for (const diagnosis of diagnoses) {
      this.#lastSeen.set(diagnosis.key, now);
      if (!this.#open.some((each) => each.key === diagnosis.key)) await this.#openNew(diagnosis, now);
    }
    await this.#closeQuiet(now, isRepairing);
    return this.#open.flatMap((incident) => {
      const diagnosis = diagnoses.find((each) => each.key === incident.key);
      return diagnosis ? [{ ...incident, body: { ...incident.body, diagnosis } }] : [];
    });
  }

  /** What changes while it is read makes it stale again. */
  async #readAgain(): Promise<void> {
    if (!this.#stale) return;
    this.#stale = false;
    try {
      this.#open = await this.#memory.readOpenIncidents();
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  async #openNew(diagnosis: Diagnosis, now: number): Promise<void> {
    const first = Math.min(now, ...diagnosis.evidence.map((each) => each.since));
    const incident = await this.#memory.openIncident(diagnosis, first);
    this.#open = [...this.#open, incident];
  }

  async #closeQuiet(now: number, isRepairing: (incident: string) => boolean): Promise<void> {
    for (const incident of this.#open) {
      const seenAt = this.#lastSeen.get(incident.key);
      if (seenAt === undefined) this.#lastSeen.set(incident.key, now);
      if (seenAt === undefined || now - seenAt < QUIET_MS || isRepairing(incident.id)) continue;
      await this.#memory.closeIncident(incident.id, 'recovered');
      this.#open = this.#open.filter((each) => each.id !== incident.id);
    }
  }
}
