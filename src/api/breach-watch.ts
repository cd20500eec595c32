import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type Assessment, type Sign, signsOf, tenantsOf } from '../comply/breach/breach.ts';
import { ASSESS, clocksOf, isOverdue } from '../comply/breach/clocks.ts';
import { dutiesAfter, type Duty, type TenantLaw } from '../comply/breach/duties.ts';
import { Outages } from '../comply/breach/outage.ts';
import { outageSign, quarantineSign, signIn, signKeyOf } from '../comply/breach/signs.ts';
import { callsOf, coveringOf, type DrillMark, dueStep, isNews, type SeenSign } from '../comply/breach/turns.ts';
import type { StandingMitigation } from '../drivers/declared.ts';
import type { Incident } from '../heal/memory.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact } from '../observe/fact.ts';
import type { Policy } from '../resources/policy.ts';
import type { BreachDesk } from './breach-desk.ts';

/** What a watch looks at, again and again. */
export interface BreachWorld {
  /** Whether this process leads: only then is anything written. */
  isLeading(): boolean;
  laws(): readonly TenantLaw[];
  policy(): Policy['spec']['breach'];
  openIncidents(): readonly Incident[];
  mitigations(): readonly StandingMitigation[];
  /** What clients of each tenant felt in the last seconds. */
  felt(): readonly { readonly tenant: string; readonly requests: number; readonly failed: number }[];
  /** Drills that ended since then. */
  drillsSince(at: number): Promise<readonly DrillMark[]>;
  /** Calls a person; false when there is no way to. Rejects when it could not be delivered. */
  page(message: { readonly incident: string; readonly summary: string }, key: string): Promise<boolean>;
}

export interface BreachWatchOptions {
  readonly desk: BreachDesk;
  readonly world: BreachWorld;
  readonly clock: Clock;
  readonly log: Log;
}

const HOUR_MS = 3_600_000;
const FACTS_MS = 15_000;
/** No drill lasts longer. */
const DRILL_MS = 2 * HOUR_MS;
const NAME = 'breaches';

/**
 * Opens assessments for losses and runs their clocks. It looks at levels again and again: a crash, a new leader and a page
 * that was not delivered are all the same case. It decides nothing that is a person's to decide.
 */
export class BreachWatch {
  readonly #options: BreachWatchOptions;
  readonly #outages = new Outages();
  /** What was not seen since this process started is not in it: neither bad nor well. */
  readonly #seen = new Map<string, SeenSign>();

  constructor(options: BreachWatchOptions) {
    this.#options = options;
  }

  /** Takes what was measured. */
  take(facts: readonly Fact[]): void {
    const tenants = this.#tenants();
    for (const fact of facts) {
      const sign = signIn(fact, tenants);
      if (sign !== undefined) this.#see(signKeyOf(fact), sign);
    }
  }

  /** Looks once. Never rejects: what could not be written is written in a later look. */
  async look(): Promise<void> {
    const { world, desk, log } = this.#options;
    this.#seeLossesOfService();
    if (!world.isLeading()) return;
    try {
      const signs = [...this.#seen.values()].flatMap(({ sign }) =>
        sign === 'well' || sign.tenants.length === 0 ? [] : [sign],
      );
      const known = signs.length === 0 ? [] : await desk.readStanding();
      for (const sign of signs) await this.#note(sign, known);
      for (const assessment of await desk.readStanding()) await this.#tend(assessment);
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'assessments of losses could not be kept yet');
    }
  }

  /** Deadlines that have passed, and losses that nobody has judged in time, for the controls that ask for them. */
  collector(): Collector {
    const { desk, world, clock } = this.#options;
    return {
      name: NAME,
      facts: ['breach.notices.overdue', 'breach.unassessed'],
      everyMs: FACTS_MS,
      timeoutMs: FACTS_MS,
      async collect() {
        const standing = await desk.readStanding();
        const now = clock.now();
        return world.laws().flatMap(({ tenant }) => factsOf(tenant, standing, now));
      },
    };
  }

  #see(key: string, sign: SeenSign['sign']): void {
    const before = this.#seen.get(key);
    const isSame = before !== undefined && (before.sign === 'well') === (sign === 'well');
    if (!isSame) this.#seen.set(key, { sign, since: this.#options.clock.now() });
  }

  #seeLossesOfService(): void {
    const { world, clock } = this.#options;
    const now = clock.now();
    this.#outages.take(world.felt(), now);
    const lasting = this.#outages.lasting(world.policy().outageSeconds * 1_000, now);
    const signs = [
      ...lasting.map(({ tenant, since }) => outageSign(tenant, since, world.openIncidents())),
      ...world.mitigations().flatMap((each) => quarantineSign(each, this.#tenants(), now) ?? []),
    ];
    for (const sign of signs) this.#see(sign.key, sign);
    const standing = new Set(signs.map(({ key }) => key));
    for (const key of this.#seen.keys()) {
      if (standing.has(key)) continue;
      const [kind, ...name] = key.split(' ');
      if (kind === 'quarantine') this.#see(key, 'well');
      if (kind === 'outage' && this.#outages.isServed(name.join(' '))) this.#see(key, 'well');
    }
  }

  #tenants(): readonly string[] {
    return this.#options.world.laws().map(({ tenant }) => tenant);
  }

  /** Opens an assessment for a sign, or adds it to the one that covers it. */
  async #note(sign: Sign, standing: readonly Assessment[]): Promise<void> {
    const { desk, world, log } = this.#options;
    const known = coveringOf(sign, standing);
    if (known) return this.#join(known, sign);
    const { assessHours, remindShare, awareAfterHours } = world.policy();
    const { key, ...rest } = sign;
    const { assessment, isNew } = await desk.open({
      ...rest,
      sign: key,
      duties: this.#dutiesOf(sign, sign.tenants),
      assessMs: assessHours * HOUR_MS,
      remindShare,
      awareAfterMs: awareAfterHours === null ? null : awareAfterHours * HOUR_MS,
    });
    if (!isNew) return this.#join(assessment, sign);
    log.warn({ assessment: assessment.id, loss: sign.loss, what: sign.what }, 'a loss has to be assessed');
  }

  async #join(assessment: Assessment, sign: Sign): Promise<void> {
    const { desk, clock } = this.#options;
    const at = clock.now();
    const { id } = assessment;
    if (!signsOf(assessment).includes(sign.key)) {
      const { key, what, snapshot } = sign;
      await desk.step(id, () => ({ kind: 'found', at, by: null, sign: key, what, snapshot }));
    }
    const known = tenantsOf(assessment);
    const tenants = sign.tenants.filter((each) => !known.includes(each));
    if (tenants.length === 0) return;
    const duties = this.#dutiesOf(sign, tenants);
    await desk.step(id, () => ({ kind: 'touched', at, by: null, tenants, duties }));
  }

  #dutiesOf({ loss }: Sign, tenants: readonly string[]): readonly Duty[] {
    return this.#options.world.laws().flatMap((law) => (tenants.includes(law.tenant) ? dutiesAfter(loss, law) : []));
  }

  async #tend(assessment: Assessment): Promise<void> {
    const { desk, world, clock } = this.#options;
    const isFresh = clock.now() - assessment.detectedAt < DRILL_MS;
    const drills = isFresh ? await world.drillsSince(assessment.detectedAt) : [];
    const step = dueStep(assessment, this.#seen, drills, clock.now());
    if (step) {
      await desk.step(assessment.id, (now) => (isNews(now, step) ? step : undefined));
      return;
    }
    const [call] = callsOf(assessment, clock.now());
    if (!call) return;
    const message = { incident: assessment.id, summary: call.summary };
    // A way that is broken is tried again in the next look, and holds up no other assessment.
    const delivered = await world.page(message, `${assessment.id} ${call.of}`).catch(() => undefined);
    if (delivered === undefined) return;
    const paged = { kind: 'paged', of: call.of, delivered, at: clock.now(), by: null } as const;
    await desk.step(assessment.id, (now) => (isNews(now, paged) ? paged : undefined));
  }
}

function factsOf(tenant: string, standing: readonly Assessment[], now: number): readonly Fact[] {
  const clocks = standing
    .filter((each) => tenantsOf(each).includes(tenant))
    .flatMap((assessment) => clocksOf(assessment, now));
  const overdue = clocks.filter((clock) => isOverdue(clock) && clock.duty?.tenant === tenant).length;
  const unassessed = clocks.filter(({ key, state }) => key === ASSESS && state === 'overdue').length;
  const about = { subject: tenant, tenants: [tenant], measuredAt: now, collector: NAME, evidence: null };
  return [
    { ...about, name: 'breach.notices.overdue', measured: { kind: 'value', value: overdue } },
    { ...about, name: 'breach.unassessed', measured: { kind: 'value', value: unassessed } },
  ];
}
