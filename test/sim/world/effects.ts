import type { JsonObject } from '../../../src/base/json.ts';
import type { ConditionName } from '../../../src/observe/condition.ts';
import type { When } from '../../scenarios/schema/when.ts';
import { type Instance, slotNameOf } from './instance.ts';
import type { EffectWords } from './words.ts';

/** What conditions of rules are asked about. A value is as an instance sees it when one is given. */
export interface Facts {
  readonly value: (setting: string, instance: Instance | undefined) => string | null;
  readonly holds: (asset: string, condition: ConditionName) => boolean;
  readonly isRunning: (actor: string) => boolean;
  readonly loadOf: (workload: string) => number;
  readonly isDown: (workload: string) => boolean;
}

export function isTrue(when: When, facts: Facts, instance?: Instance): boolean {
  if (when.all && !when.all.every((each) => isTrue(each, facts, instance))) return false;
  if (when.any && !when.any.some((each) => isTrue(each, facts, instance))) return false;
  if (when.not && isTrue(when.not, facts, instance)) return false;
  if (when.setting !== undefined && !compares(when, facts.value(when.setting, instance))) return false;
  if (when.asset !== undefined) {
    if (when.is !== undefined && !facts.holds(when.asset, when.is as ConditionName)) return false;
    if (when.isNot !== undefined && facts.holds(when.asset, when.isNot as ConditionName)) return false;
  }
  if (when.actor !== undefined && facts.isRunning(when.actor) !== (when.is !== 'stopped')) return false;
  if (when.load !== undefined && !compares(when, String(facts.loadOf(when.load)))) return false;
  return when.down === undefined || facts.isDown(when.down);
}

function compares(when: When, value: string | null): boolean {
  if (when.is !== undefined && value !== when.is) return false;
  if (when.isNot !== undefined && value === when.isNot) return false;
  const number = value === null ? Number.NaN : Number.parseFloat(value);
  if (when.above !== undefined && !(number > when.above)) return false;
  return when.below === undefined || number < when.below;
}

/** Assets that a rule of the scenario speaks for: what they do to requests is then said, not assumed. */
export function assetsIn(when: When | undefined): readonly string[] {
  if (!when) return [];
  const nested = [...(when.all ?? []), ...(when.any ?? []), ...(when.not ? [when.not] : [])];
  return [...(when.asset === undefined ? [] : [when.asset]), ...nested.flatMap(assetsIn)];
}

function settingsIn(when: When | undefined): readonly string[] {
  if (!when) return [];
  const nested = [...(when.all ?? []), ...(when.any ?? []), ...(when.not ? [when.not] : [])];
  return [...(when.setting === undefined ? [] : [when.setting]), ...nested.flatMap(settingsIn)];
}

interface Rule {
  readonly index: number;
  readonly words: EffectWords;
  /** It hangs on a value that a process keeps from its start, so each process answers for itself. */
  readonly ofEach: boolean;
  /** Since when `when` holds; of the whole world, or of each instance. */
  since: number | undefined;
  readonly sinceOf: Map<string, number>;
  /** In how many places it has held for as long as it takes to show. */
  shows: number;
}

/** Whether it has come to show somewhere, or ceased to. */
function ripens(rule: Rule, now: number): boolean {
  const { since, sinceOf, words, shows } = rule;
  const began = rule.ofEach ? [...sinceOf.values()] : since === undefined ? [] : [since];
  rule.shows = began.filter((at) => now - at >= words.after).length;
  return rule.shows !== shows;
}

/** The physics of a scenario: what follows from what. */
export class Effects {
  readonly #rules: readonly Rule[];
  readonly #rulesIn = new Map<string, readonly Rule[]>();
  readonly #facts: Facts;
  readonly #startAt: number;

  constructor(
    words: readonly EffectWords[],
    facts: Facts,
    needsRestart: (setting: string) => boolean,
    startAt: number,
  ) {
    this.#facts = facts;
    this.#startAt = startAt;
    this.#rules = words.map((each, index) => ({
      index,
      words: each,
      ofEach: settingsIn(each.when).some(needsRestart),
      since: undefined,
      sinceOf: new Map(),
      shows: 0,
    }));
  }

  /** Looks at each condition again. True when a rule began or ceased to hold, or to show. */
  renew(now: number, instances: Iterable<Instance>): boolean {
    let changed = false;
    for (const rule of this.#rules) {
      const before = rule.since !== undefined;
      if (!this.#holds(rule, now, undefined)) rule.since = undefined;
      else rule.since ??= now;
      changed ||= before !== (rule.since !== undefined);
      changed = ripens(rule, now) || changed;
      if (!rule.ofEach) continue;
      for (const instance of instances) {
        if ((rule.words.workload ?? instance.workload) !== instance.workload) continue;
        const held = rule.sinceOf.has(instance.instance);
        const holds = this.#holds(rule, now, instance);
        if (holds && !held) rule.sinceOf.set(instance.instance, now);
        if (!holds && held) rule.sinceOf.delete(instance.instance);
        changed ||= holds !== held;
      }
    }
    return changed;
  }

  /** Indices of the rules that a process which starts now will carry along. */
  heldAtStart(): ReadonlySet<number> {
    return new Set(
      this.#rules.filter((each) => each.words.startedWith && each.since !== undefined).map((r) => r.index),
    );
  }

  forget(instance: string): void {
    for (const rule of this.#rules) rule.sinceOf.delete(instance);
  }

  /** Adds what shows in an instance to its behaviour. Returns the last line of the process when it ends of it now. */
  show(instance: Instance, now: number): string | undefined {
    let lastLine: string | undefined;
    for (const rule of this.#rulesOf(instance.workload)) {
      const { words } = rule;
      if (!isAt(words, instance)) continue;
      const since = this.#sinceIn(rule, instance);
      if (since === undefined) continue;
      if (words.crash) {
        const livesUntil = Math.max(instance.startedAt, words.startedWith ? 0 : since) + words.after;
        if (now >= livesUntil) lastLine = words.exit ?? 'Error: it cannot go on';
      } else if (now - since >= words.after) apply(words, instance);
    }
    return lastLine;
  }

  /** Whether a process that starts in this place would come up. */
  blocksStart(instance: Instance, now: number): boolean {
    return this.#rulesOf(instance.workload).some((rule) => {
      if (!rule.words.noStart || !isAt(rule.words, instance)) return false;
      const since = this.#sinceIn(rule, instance);
      return since !== undefined && now - since >= rule.words.after;
    });
  }

  /** Conditions of assets that rules bring about now. */
  conditions(now: number): ReadonlyMap<string, ReadonlyMap<ConditionName, JsonObject>> {
    const caused = new Map<string, Map<ConditionName, JsonObject>>();
    for (const { words, since, sinceOf } of this.#rules) {
      if (words.asset === undefined || words.condition === undefined) continue;
      const from = since ?? (sinceOf.size > 0 ? Math.min(...sinceOf.values()) : undefined);
      if (from === undefined || now - from < words.after) continue;
      const held = caused.get(words.asset) ?? new Map<ConditionName, JsonObject>();
      caused.set(words.asset, held.set(words.condition, words.detail ?? {}));
    }
    return caused;
  }

  turningPoints(): readonly number[] {
    return this.#rules.flatMap(({ words, since, sinceOf }) => [
      ...(words.until === undefined ? [] : [this.#startAt + words.until]),
      ...(since === undefined ? [] : [since + words.after]),
      ...[...sinceOf.values()].map((at) => at + words.after),
    ]);
  }

  /** Rules that can show in instances of a workload. */
  #rulesOf(workload: string): readonly Rule[] {
    const known = this.#rulesIn.get(workload);
    if (known) return known;
    const rules = this.#rules.filter(({ words }) => (words.workload ?? workload) === workload);
    this.#rulesIn.set(workload, rules);
    return rules;
  }

  #holds(rule: Rule, now: number, instance: Instance | undefined): boolean {
    if (rule.words.until !== undefined && now >= this.#startAt + rule.words.until) return false;
    return rule.words.when === undefined || isTrue(rule.words.when, this.#facts, instance);
  }

  #sinceIn(rule: Rule, instance: Instance): number | undefined {
    if (rule.words.startedWith) {
      // What a process took along it keeps, whatever the value is by now.
      if (rule.ofEach) return rule.sinceOf.get(instance.instance);
      return instance.startedWith.has(rule.index) ? instance.startedAt : undefined;
    }
    return rule.ofEach ? rule.sinceOf.get(instance.instance) : rule.since;
  }
}

function isAt(words: EffectWords, instance: Instance): boolean {
  const isSomewhere = [words.workload, words.instances, words.host, words.region].some((each) => each !== undefined);
  return (
    isSomewhere &&
    (words.workload === undefined || words.workload === instance.workload) &&
    (words.version === undefined || words.version === instance.version) &&
    (words.instances === undefined || words.instances.includes(slotNameOf(instance))) &&
    (words.host === undefined || words.host === instance.host) &&
    (words.region === undefined || words.region === instance.region)
  );
}

function apply(words: EffectWords, { behaviour }: Instance): void {
  if (words.route !== undefined) {
    const { route, errors = 0, latency = 0 } = words;
    behaviour.ofRoutes.push({ route, errors, class: words.class, latencyMs: latency });
    return;
  }
  if (words.errors !== undefined || (words.latency !== undefined && words.tenant !== undefined)) {
    const tenants = words.tenant === undefined ? {} : { tenants: [words.tenant] };
    const latencyMs = words.tenant === undefined && words.calls === undefined ? 0 : (words.latency ?? 0);
    const failing = { errors: words.errors ?? 0, class: words.class, latencyMs, ...tenants };
    if (words.calls === undefined) behaviour.failing.push(failing);
    else behaviour.calls.set(words.calls, [...(behaviour.calls.get(words.calls) ?? []), failing]);
  } else if (words.calls !== undefined && words.latency !== undefined) {
    const slow = { errors: 0, class: words.class, latencyMs: words.latency };
    behaviour.calls.set(words.calls, [...(behaviour.calls.get(words.calls) ?? []), slow]);
  }
  if (words.latency !== undefined && words.tenant === undefined && words.calls === undefined) {
    behaviour.latencyMs += words.latency;
  }
  if (words.capacityTimes !== undefined) behaviour.capacityTimes *= words.capacityTimes;
  if (words.hang) behaviour.hangs = true;
  if (words.notReady) behaviour.notReady = true;
  if (words.leak !== undefined) behaviour.leakPerS += words.leak;
  if (words.leaks) behaviour.leaks = true;
}
