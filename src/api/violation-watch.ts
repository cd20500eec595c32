import { violatedBy, tellFact } from '../comply/violated-controls.ts';
import type { Posture } from '../comply/posture.ts';
import { type Fact, factKey } from '../observe/fact.ts';
import type { ViolationSample } from '../observe/sample.ts';
import type { FactName } from '../resources/fact-kinds.ts';

/** A fact that was good is told again this many times, so that every claim against it can end. */
const TOLD_GOOD_TIMES = 3;

/**
 * Facts that can be measured to be bad and never to be good, because not all of what they count is tried. Once somebody
 * looked and did not find it bad again, it is over.
 */
const ONE_SIDED: ReadonlySet<FactName> = new Set(['audit.canary.missing', 'auth.probe.accepted']);

/** What was said last of a fact. */
interface Said {
  readonly value: string;
  readonly isBad: boolean;
  /** How often it has to be told yet, though nothing changed. */
  due: number;
}

/**
 * Hands over to the loop what was measured of facts by which controls are judged: each measurement that breaks one, and a
 * good one when it is news. What was good and measures the same is good, and costs nothing.
 */
export class ViolationWatch {
  readonly #posture: Posture;
  readonly #onSample: (sample: ViolationSample) => void;
  /** By collector and key: who reports says all that there is. */
  readonly #said = new Map<string, Map<string, Said>>();

  constructor(posture: Posture, onSample: (sample: ViolationSample) => void) {
    this.#posture = posture;
    this.#onSample = onSample;
  }

  /** What people declared has changed: every fact is judged anew when it is measured next. */
  forgetJudgements(): void {
    for (const said of this.#said.values()) {
      for (const [key, each] of said) said.set(key, { ...each, value: '' });
    }
  }

  /** A repair waits for this fact: it is told with its next measurement, also when nothing changed. */
  askFor(key: string): void {
    for (const said of this.#said.values()) {
      const known = said.get(key);
      if (known) known.due = Math.max(1, known.due);
    }
  }

  /** Collectors that measured this fact. */
  collectorsOf(key: string): readonly string[] {
    return [...this.#said].flatMap(([collector, said]) => (said.has(key) ? [collector] : []));
  }

  /** Collectors that measure something of which one of these settings is a part. */
  collectorsNear(settings: readonly string[]): readonly string[] {
    const isNear = (key: string) => settings.some((id) => id.startsWith(`${key.slice(key.indexOf(' ') + 1)}/`));
    return [...this.#said].flatMap(([collector, said]) => ([...said.keys()].some(isNear) ? [collector] : []));
  }

  /**
   * Takes the whole report of a collector whose measurement began at `beganAt`. Returns whether something turned, so
   * that it is worth while to measure again at once.
   */
  onReport(collector: string, facts: readonly Fact[], beganAt: number, now: number): boolean {
    const before = this.#said.get(collector) ?? new Map<string, Said>();
    const said = new Map<string, Said>();
    let hasTurned = false;
    const seen = new Set(facts.filter(({ measured }) => measured.kind === 'value').map(({ subject }) => subject));
    for (const fact of facts) {
      const key = factKey(fact);
      const known = before.get(key);
      const at = Math.min(beganAt, fact.measuredAt);
      const isOver = known !== undefined && ONE_SIDED.has(fact.name) && seen.has(fact.subject);
      const next =
        isOver && fact.measured.kind === 'unknown'
          ? this.#tellOver(fact, known, at)
          : this.#judge(fact, known, at, now);
      if (next) said.set(key, next);
      else if (known) said.set(key, known);
      if (next && (known?.isBad ?? false) !== next.isBad) hasTurned = true;
    }
    for (const [key, { isBad }] of before) if (isBad && !said.has(key)) this.#tellGone(key, collector, now);
    this.#said.set(collector, said);
    return hasTurned;
  }

  /** What is to be remembered of the fact; undefined when it was not measured. */
  #judge(fact: Fact, known: Said | undefined, at: number, now: number): Said | undefined {
    if (fact.measured.kind === 'unknown') return undefined;
    const value = JSON.stringify([fact.measured.value, fact.tenants]);
    const isAsBefore = known !== undefined && !known.isBad && known.value === value;
    const violated = isAsBefore ? [] : violatedBy(this.#posture, fact, now);
    if (violated === undefined) return undefined;
    const isBad = violated.length > 0;
    const due = isBad ? TOLD_GOOD_TIMES : (known?.due ?? 1);
    const { name, subject, collector: vantage } = fact;
    if (isBad || due > 0) {
      const reason = tellFact(fact);
      const { where } = fact.measured;
      const found = where === undefined ? {} : { where };
      this.#onSample({ kind: 'violation', at, vantage, fact: name, subject, violated, reason, ...found });
    }
    return { value, isBad, due: isBad ? due : Math.max(0, due - 1) };
  }

  #tellOver({ name, subject, collector: vantage }: Fact, known: Said, at: number): Said {
    const reason = `${name} of ${subject} was not seen again`;
    if (known.due > 0) {
      this.#onSample({ kind: 'violation', at, vantage, fact: name, subject, violated: [], reason });
    }
    return { value: '', isBad: false, due: Math.max(0, known.due - 1) };
  }

  #tellGone(key: string, vantage: string, at: number): void {
    const [name, ...rest] = key.split(' ');
    const fact = name as Fact['name'];
    const reason = 'it is no more';
    this.#onSample({ kind: 'violation', at, vantage, fact, subject: rest.join(' '), violated: [], reason, gone: true });
  }
}
