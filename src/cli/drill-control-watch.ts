import type { Clock } from '../base/clock.ts';
import type { IncidentSummary } from './answers.ts';
import type { ControlFault, ViolatedControl } from './drill-control-fault.ts';
import type { DrillWorld } from './drill-world.ts';
import { epochMsOf } from './moment.ts';
import type { TenantResult } from './posture.ts';

const LOOK_MS = 250;
/** Outcomes after which an incident that is still open waits for a person. */
const GIVEN_UP = ['escalated', 'stuck', 'refused'];

export interface ControlWatchOptions {
  readonly world: Pick<DrillWorld, 'posture' | 'incidents'>;
  readonly fault: ControlFault;
  readonly before: readonly TenantResult[];
  readonly injectedAt: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One reason for which a control is not satisfied, as long as it was seen. */
interface Violation {
  readonly result: TenantResult;
  readonly text: string;
  readonly at: number;
  restoredAt: number | null;
}

/** What the posture and the incidents say of one fault, from its injection on. */
export class ControlWatch {
  readonly #options: ControlWatchOptions;
  readonly #violations = new Map<string, Violation>();
  readonly #turnedBefore: ReadonlySet<string>;
  /** What controls made of each fact before the fault; what was unknown then is as it was when it is unknown again. */
  readonly #statusBefore: ReadonlyMap<string, string>;
  incident: IncidentSummary | undefined;
  /** It was mended without an incident. */
  isMended = false;

  constructor(options: ControlWatchOptions) {
    this.#options = options;
    this.#turnedBefore = new Set(options.before.filter((each) => each.status === 'not-satisfied').map(resultKey));
    const readings = options.before.flatMap((result) => readingsOf(result, options.fault));
    this.#statusBefore = new Map(readings.map(([key, { status }]) => [key, status]));
  }

  /** Resolves with whether a control is violated by the fault, or it is mended already. */
  detected(timeoutMs: number): Promise<boolean> {
    return this.#until(() => this.#violations.size > 0 || this.isMended, timeoutMs);
  }

  /** Waits for an incident and its end; no longer than `incidentWithinMs` while there is none. */
  async healing(incidentWithinMs: number, timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const waitUntilMs = clock.monotonicMs() + incidentWithinMs;
    await this.#until(() => {
      if (!this.incident) return this.isRestored || clock.monotonicMs() >= waitUntilMs;
      const { state, outcome } = this.incident;
      return state === 'closed' || (outcome !== null && GIVEN_UP.includes(outcome));
    }, timeoutMs);
  }

  /** Resolves with whether everything that the fault violated is measured to be good again. */
  restored(timeoutMs: number): Promise<boolean> {
    return this.#until(() => this.isRestored, timeoutMs);
  }

  get isRestored(): boolean {
    return [...this.#violations.values()].every(({ restoredAt }) => restoredAt !== null);
  }

  get controls(): readonly ViolatedControl[] {
    const { injectedAt } = this.#options;
    return [...this.#violations.values()].map(({ result, text, at, restoredAt }) => ({
      tenant: result.tenant,
      framework: result.framework,
      control: result.control,
      clause: result.clause,
      reason: text,
      turned: !this.#turnedBefore.has(resultKey(result)),
      violatedMs: Math.max(0, Math.round(at - injectedAt)),
      restoredMs: restoredAt === null ? null : Math.round(restoredAt - injectedAt),
    }));
  }

  async #until(level: () => boolean, timeoutMs: number): Promise<boolean> {
    const { clock, signal } = this.#options;
    const untilMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      await this.#look();
      if (level()) return true;
      if (signal.aborted || clock.monotonicMs() >= untilMs) return false;
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  /** A part that does not answer says nothing, and is asked again. */
  async #look(): Promise<void> {
    const { world, fault, clock } = this.#options;
    const [results, incidents] = await Promise.all([world.posture(), world.incidents()]);
    if (fault.mended && !this.isMended) this.isMended = await fault.mended();
    const now = clock.now();
    const readings = new Map((results ?? []).flatMap((result) => readingsOf(result, fault)));
    for (const [key, { result, status, text, at }] of readings) {
      const known = this.#violations.get(key);
      const before = this.#statusBefore.get(key);
      if (status === 'not-satisfied' && known) known.restoredAt = null;
      else if (status === 'not-satisfied' && before !== 'not-satisfied') {
        this.#violations.set(key, { result, text, at: at ?? now, restoredAt: null });
      } else if (known && (status === 'satisfied' || status === before)) known.restoredAt ??= now;
    }
    const answers = incidents?.filter((each) => this.#isAbout(each)) ?? [];
    // The first that was opened tells how soon; another may follow where a repair did not hold.
    this.incident = answers.toSorted((a, b) => epochMsOf(a.openedAt) - epochMsOf(b.openedAt))[0] ?? this.incident;
  }

  #isAbout({ subject, summary, openedAt }: IncidentSummary): boolean {
    const { fault, injectedAt } = this.#options;
    if (epochMsOf(openedAt) < injectedAt) return false;
    const ids = [...this.#violations.values()].map(({ result }) => result.control);
    return [...fault.words, ...ids].some((word) => `${subject} ${summary}`.includes(word));
  }
}

interface Reading {
  readonly result: TenantResult;
  readonly status: string;
  readonly text: string;
  readonly at: number | null;
}

/** What controls make of the facts by which a fault is to be found, each under a key of its own. */
function readingsOf(
  result: TenantResult,
  { facts, subjects }: Pick<ControlFault, 'facts' | 'subjects'>,
): readonly (readonly [string, Reading])[] {
  return result.reasons
    .filter(({ fact, subject }) => facts.includes(fact) && subjects.includes(subject ?? ''))
    .map(({ fact, subject, status, text, measuredAt }) => {
      const at = measuredAt === null ? null : epochMsOf(measuredAt);
      return [`${resultKey(result)} ${fact} ${subject}`, { result, status, text, at }] as const;
    });
}

/** What is violated already in the same place: by it a fault could not be told. */
export function violatedBefore(results: readonly TenantResult[], fault: ControlFault) {
  return results.flatMap((result) => readingsOf(result, fault)).filter(([, { status }]) => status === 'not-satisfied');
}

function resultKey({ tenant, control }: TenantResult): string {
  return `${tenant} ${control}`;
}
