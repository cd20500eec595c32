import type { Clock } from '../base/clock.ts';
import type { World } from '../drivers/world.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact, Measured } from '../observe/fact.ts';
import { type ConditionSample, NOWHERE, type Sample } from '../observe/sample.ts';

const DAY_MS = 86_400_000;
const EVERY_MS = 1_000;
const TIMEOUT_MS = 1_000;
/** A region that served a tenant within this time is one where it is served. */
const SERVED_MS = 10 * 60_000;
/** A region that is not permitted is left once requests were served elsewhere for so long since. */
const LEFT_MS = 5_000;
/** Gateways read a new routing, and tell of what they served before it, within this time. */
const SETTLING_MS = 3_000;
/** What was not seen for this long is gone: the store of a workload that was taken away. */
const GONE_MS = 60 * 60_000;

/** One reading alone may be wrong; so many in a row are believed, as the detector of conditions believes them. */
const IN_ROW = 2;

/** What is believed of one protection. */
interface Believed {
  at: number;
  isOff: boolean;
  /** Readings in a row that say otherwise. */
  others: number;
  /** When it was last found to be off, until that was reported: what is healed between two reports was violated all the same. */
  untoldAt: number | null;
}

/** `protection postgresql/records/eu/"public"."records"/row-level-security`: of the store `postgresql/records/eu`. */
const PROTECTION = /^protection ((postgresql\/[^/]+\/([^/]+))\/.+\/row-level-security)$/;

/** What the readings of the loop prove of compliance, without looking at anything twice. */
export class SampleFacts {
  readonly #world: World;
  readonly #clock: Clock;
  /** By the id of the protection. */
  readonly #protections = new Map<string, Believed>();
  /** By workload: whether what is on disk is what was declared, by digest. */
  readonly #artefacts = new Map<string, { readonly at: number; readonly matches: boolean }>();
  /** By tenant: when each region last served it. */
  readonly #served = new Map<string, Map<string, number>>();
  /** By tenant: the regions that it permits, and since when; undefined for those of the first look. */
  readonly #permitted = new Map<string, { readonly regions: string; readonly since: number | undefined }>();

  constructor(world: World, clock: Clock) {
    this.#world = world;
    this.#clock = clock;
  }

  take(sample: Sample): void {
    if (sample.kind === 'condition' && sample.condition === 'disabled') {
      if (PROTECTION.test(sample.asset)) this.#believe(sample);
    }
    if (sample.kind === 'artefact') this.#artefacts.set(sample.workload, { at: sample.at, matches: sample.matches });
    // Of an instance that was gone before its gateway told of it nobody can say where it stood: that is no place.
    if (sample.kind !== 'tries' || sample.ok === 0 || sample.region === NOWHERE) return;
    const regions = this.#served.get(sample.tenant) ?? new Map<string, number>();
    this.#served.set(sample.tenant, regions.set(sample.region, sample.at));
  }

  collectors(): readonly Collector[] {
    const rhythm = { everyMs: EVERY_MS, timeoutMs: TIMEOUT_MS };
    return [
      { name: 'protections', facts: ['rls.enabled'], ...rhythm, collect: async () => this.#protectionFacts() },
      {
        name: 'artefacts',
        facts: ['software.artefact.drifted', 'files.compare.ageDays'],
        ...rhythm,
        collect: async () => this.#artefactFacts(),
      },
      { name: 'gateways', facts: ['residency.instances'], ...rhythm, collect: async () => this.#residencyFacts() },
    ];
  }

  #believe({ asset, at, holds }: ConditionSample): void {
    const known = this.#protections.get(asset);
    if (!known) {
      this.#protections.set(asset, { at, isOff: holds, others: 0, untoldAt: holds ? at : null });
      return;
    }
    known.others = known.isOff === holds ? 0 : known.others + 1;
    if (known.others > 0 && known.others < IN_ROW) return;
    Object.assign(known, { at, isOff: holds, others: 0 });
    if (holds) known.untoldAt = at;
  }

  /** One fact a store: protected when each of its tables is; as old as the oldest look at one of them. */
  #protectionFacts(): readonly Fact[] {
    const now = this.#clock.now();
    for (const [id, { at }] of this.#protections) if (now - at > GONE_MS) this.#protections.delete(id);
    const stores = Map.groupBy(this.#protections, ([asset]) => PROTECTION.exec(asset)?.[2] ?? '');
    return [...stores].map(([subject, tables]): Fact => {
      const region = PROTECTION.exec(tables[0]?.[0] ?? '')?.[3] ?? '';
      const off = tables.flatMap(([, { untoldAt }]) => (untoldAt === null ? [] : [untoldAt]));
      const isProtected = off.length === 0 && tables.every(([, { isOff }]) => !isOff);
      const measured: Measured = { kind: 'value', value: isProtected };
      const measuredAt = Math.min(...(off.length > 0 ? off : tables.map(([, { at }]) => at)));
      for (const [, table] of tables) table.untoldAt = null;
      const tenants = this.#tenantsIn(region);
      return { name: 'rls.enabled', subject, tenants, measured, measuredAt, collector: 'protections', evidence: null };
    });
  }

  #artefactFacts(): readonly Fact[] {
    const declared = new Set(this.#world.declared.workloads.map(({ name }) => name));
    for (const workload of this.#artefacts.keys()) if (!declared.has(workload)) this.#artefacts.delete(workload);
    const about = { tenants: 'all' as const, collector: 'artefacts', evidence: null };
    const drifted = [...this.#artefacts].map(([subject, { at, matches }]): Fact => {
      const measured: Measured = { kind: 'value', value: !matches };
      return { name: 'software.artefact.drifted', subject, ...about, measured, measuredAt: at };
    });
    if (declared.size === 0) return drifted;
    const compared = {
      subject: 'artefacts',
      ...about,
      measured: this.#comparedLast(declared),
      measuredAt: this.#clock.now(),
    };
    return [...drifted, { name: 'files.compare.ageDays', ...compared }];
  }

  /** As long ago as the artefact that was compared longest ago. */
  #comparedLast(declared: ReadonlySet<string>): Measured {
    const never = [...declared].find((workload) => !this.#artefacts.has(workload));
    if (never !== undefined) return { kind: 'unknown', reason: `the artefact of ${never} was not compared yet` };
    const [oldest] = [...this.#artefacts].toSorted(([, a], [, b]) => a.at - b.at);
    const days = Math.max(0, this.#clock.now() - (oldest?.[1].at ?? 0)) / DAY_MS;
    return { kind: 'value', value: days, detail: `the artefact of ${oldest?.[0]} was compared longest ago` };
  }

  #residencyFacts(): readonly Fact[] {
    const now = this.#clock.now();
    return this.#world.declared.tenants.map(({ metadata: { name }, spec }): Fact => {
      const regions = this.#servedLately(name, spec.regions, now);
      const measured: Measured =
        regions.length === 0
          ? { kind: 'unknown', reason: 'no request of it was served in the last ten minutes' }
          : { kind: 'value', value: regions.map(([region]) => region).toSorted() };
      const measuredAt = regions.length === 0 ? now : Math.max(...regions.map(([, at]) => at));
      const place = { subject: name, tenants: [name], collector: 'gateways', evidence: null };
      return { name: 'residency.instances', ...place, measured, measuredAt };
    });
  }

  /**
   * Regions that served a tenant, and when last. One that is not permitted counts for as long as the tenant is led there: not
   * once it was served elsewhere for a while, and not for what was served while it was permitted.
   */
  #servedLately(tenant: string, permitted: readonly string[], now: number): readonly (readonly [string, number])[] {
    const known = this.#permitted.get(tenant);
    const regions = permitted.join(' ');
    if (known?.regions !== regions) this.#permitted.set(tenant, { regions, since: known ? now : undefined });
    const since = this.#permitted.get(tenant)?.since ?? Number.NEGATIVE_INFINITY;
    const served = [...(this.#served.get(tenant) ?? [])].filter(([, at]) => now - at <= SERVED_MS);
    const newest = Math.max(...served.map(([, at]) => at));
    return served.filter(([region, at]) => {
      if (permitted.includes(region)) return true;
      return newest - at < LEFT_MS && at > since + SETTLING_MS;
    });
  }

  #tenantsIn(region: string): readonly string[] {
    return this.#world.declared.tenants
      .filter(({ spec }) => spec.regions.includes(region))
      .map(({ metadata }) => metadata.name);
  }
}
