import type { JsonObject } from '../../../src/base/json.ts';
import type { AssetKind, AssetView } from '../../../src/diagnose/fleet-view.ts';
import type { ConditionName } from '../../../src/observe/condition.ts';
import { measure } from './measure.ts';
import type { Settings } from './settings.ts';
import type { Instance } from './instance.ts';
import type { AssetWords } from './words.ts';

/** A condition that somebody or something made hold. */
interface Injected {
  readonly untilMs: number;
  readonly detail: JsonObject;
  /** Settings of the asset whose state it hangs on were off when it began. */
}

export interface Asset {
  readonly id: string;
  readonly words: AssetWords;
  /** When it came into the world. */
  readonly since: number;
  readonly injected: Map<ConditionName, Injected>;
  validFrom: number;
  validUntil: number;
  /** Credential: the version that processes which start now get, and those that the other side takes. */
  current: string | null;
  accepts: readonly string[];
  /** Queue: records that cannot be read, at its head first. */
  poison: readonly string[];
  /** Pool, disk, store: what is used besides what actors use, at `since`. */
  used: number;
  lagMs: number;
  rotations: number;
}

/** A condition that holds, with what a reader and a move have to know. */
export interface Standing {
  readonly reason: string;
  readonly detail: JsonObject;
  /** Share of the requests that need the asset and fail; of those instances alone, when it names some. */
  readonly share?: number;
  readonly instances?: readonly string[];
}

export type Conditions = ReadonlyMap<ConditionName, Standing>;

/** What the state of assets hangs on. */
export interface Around {
  readonly settings: Settings;
  readonly now: () => number;
  /** Milliseconds by which the clock of a host is ahead. */
  readonly skewOf: (host: string) => number;
  readonly isHostDown: (host: string) => boolean;
  readonly instancesOf: (workload: string) => readonly Instance[];
  /** How much each actor that runs uses of it. */
  readonly usesOf: (asset: string) => ReadonlyMap<string, number>;
}

/** Things that are neither instances nor settings, and what holds of them. */
export class Assets {
  readonly #assets = new Map<string, Asset>();
  readonly #around: Around;
  #conditions = new Map<string, Conditions>();
  /** Conditions that effects of the scenario bring about, renewed each step. */
  caused: ReadonlyMap<string, ReadonlyMap<ConditionName, JsonObject>> = new Map();

  constructor(words: Readonly<Record<string, AssetWords>>, around: Around) {
    this.#around = around;
    for (const [id, each] of Object.entries(words)) this.appear(id, each);
  }

  appear(id: string, words: AssetWords): void {
    const now = this.#around.now();
    this.#assets.set(id, {
      id,
      words,
      since: now,
      injected: new Map(),
      validFrom: words.validFrom === undefined ? Number.NEGATIVE_INFINITY : now + words.validFrom,
      validUntil: words.validFor === undefined ? Number.POSITIVE_INFINITY : now + words.validFor,
      current: words.kind === 'credential' ? (words.holds ?? 'v1') : null,
      accepts: words.accepts ?? [words.holds ?? 'v1'],
      poison: words.poison ?? [],
      used: words.used ?? 0,
      lagMs: words.lag ?? 0,
      rotations: 0,
    });
  }

  vanish(id: string): void {
    this.#assets.delete(id);
    this.#conditions.delete(id);
  }

  get(id: string): Asset | undefined {
    return this.#assets.get(id);
  }

  all(): Iterable<Asset> {
    return this.#assets.values();
  }

  ofKind(kind: AssetKind): readonly Asset[] {
    return [...this.#assets.values()].filter((each) => each.words.kind === kind);
  }

  inject(id: string, condition: ConditionName, forMs: number | undefined, detail: JsonObject): void {
    const untilMs = forMs === undefined ? Number.POSITIVE_INFINITY : this.#around.now() + forMs;
    this.#assets.get(id)?.injected.set(condition, { untilMs, detail });
  }

  end(id: string, conditions: readonly ConditionName[]): void {
    for (const condition of conditions) this.#assets.get(id)?.injected.delete(condition);
  }

  /** Looks at all of them again. */
  renew(): void {
    const next = new Map<string, Conditions>();
    for (const asset of this.#assets.values()) next.set(asset.id, this.#look(asset));
    this.#conditions = next;
  }

  conditionsOf(id: string): Conditions {
    return this.#conditions.get(id) ?? NONE;
  }

  holds(id: string, condition: ConditionName): boolean {
    return this.#conditions.get(id)?.has(condition) ?? false;
  }

  standing(): readonly { readonly asset: string; readonly condition: ConditionName }[] {
    return [...this.#conditions].flatMap(([asset, held]) =>
      [...held.keys()].map((condition) => ({ asset, condition })),
    );
  }

  /** Times in the future at which something changes by itself. */
  turningPoints(): readonly number[] {
    const now = this.#around.now();
    const points: number[] = [];
    for (const { injected, validFrom, validUntil } of this.#assets.values()) {
      points.push(validFrom, validUntil, ...[...injected.values()].map((each) => each.untilMs));
    }
    return points.filter((at) => at > now && Number.isFinite(at));
  }

  views(): readonly AssetView[] {
    return [...this.#assets.values()].map((asset) => this.#view(asset));
  }

  #look(asset: Asset): Conditions {
    const now = this.#around.now();
    const found = new Map<ConditionName, Standing>(measure(asset, this.#around));
    for (const [condition, { untilMs, detail }] of asset.injected) {
      if (now >= untilMs) asset.injected.delete(condition);
      else if (!found.has(condition)) found.set(condition, { reason: `${asset.id} is ${condition}`, detail });
    }
    for (const [condition, detail] of this.caused.get(asset.id) ?? []) {
      if (!found.has(condition)) found.set(condition, { reason: `${asset.id} is ${condition}`, detail });
    }
    return found;
  }

  #view(asset: Asset): AssetView {
    const { kind, workloads, tenants, region, host, partOf, settings } = asset.words;
    const detail: Record<string, JsonObject[string]> = { ...asset.words.detail };
    if (kind === 'replica') {
      detail['lagMs'] = asset.lagMs;
      detail['fenced'] = asset.words.fenced ?? false;
    }
    if (kind === 'credential') {
      detail['current'] = asset.current;
      detail['accepts'] = [...asset.accepts];
    }
    if (kind === 'session' && asset.words.holds !== undefined) detail['holds'] = asset.words.holds;
    if (kind === 'session') detail['startedAt'] = asset.since;
    if (Number.isFinite(asset.validUntil)) detail['validUntil'] = asset.validUntil;
    return { id: asset.id, kind, workloads, tenants, region, host, partOf, settings, detail };
  }
}

const NONE: Conditions = new Map();
