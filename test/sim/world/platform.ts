import { workloadSchema } from '../../../src/resources/workload.ts';
import type { DeclaredWorkload, Slot, StoredVersion } from '../../../src/drivers/declared.ts';
import { wantedOf } from '../../../src/drivers/world.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { healthy, type Instance } from './instance.ts';
import type { Settings } from './settings.ts';
import type { WorkloadWords } from './words.ts';

const CANARY_MS = 30_000;
const SOAK_MS = 120_000;

export type MutableSlot = { -readonly [Key in keyof Slot]: Slot[Key] };

/** A workload as it is declared and rolled out. `declared()` is what the rollout's rules read. */
export class WorkloadState {
  readonly name: string;
  readonly words: WorkloadWords;
  readonly slots: MutableSlot[] = [];
  revision = 1;
  targetVersion: number;
  phase: DeclaredWorkload['phase'] = 'steady';
  phaseSince: number;
  versions: readonly StoredVersion[];
  scaleDelta: Record<string, Readonly<Record<string, number>>> = {};
  /** From one instance of a rollout to the next. */
  everyMs = 5_000;
  upgradedAt = Number.NEGATIVE_INFINITY;
  readonly #spec: StoredVersion['spec'];
  readonly #settings: Settings;
  readonly #replicasBy: string | undefined;

  constructor(name: string, words: WorkloadWords, scenario: Scenario, settings: Settings, now: number) {
    this.name = name;
    this.words = words;
    this.phaseSince = now - 86_400_000;
    this.#spec = specOf(words);
    this.#settings = settings;
    this.versions = words.versions.map((each) => this.#version(each, now));
    const newest = words.versions.filter((each) => each.soaked).at(-1) ?? words.versions.at(-1)!;
    this.targetVersion = words.runs ?? newest.version;
    this.#replicasBy = Object.entries(scenario.fleet.settings).find(
      ([, each]) => each.kind === 'replicas' && each.workloads.includes(name),
    )?.[0];
  }

  /** Instances per region, without what moves added. */
  get instances(): Readonly<Record<string, number>> {
    if (this.#replicasBy === undefined) return this.words.instances;
    const count = Math.max(0, Math.round(this.#settings.number(this.#replicasBy) ?? 0));
    return Object.fromEntries(Object.keys(this.words.instances).map((region) => [region, count]));
  }

  declared(): DeclaredWorkload {
    const { name, revision, targetVersion, phase, phaseSince, scaleDelta, versions, slots } = this;
    const spec = { ...this.#spec, instances: { ...this.instances } };
    return { name, spec, revision, targetVersion, phase, phaseSince, scaleDelta, versions, slots };
  }

  get wanted(): Readonly<Record<string, number>> {
    return wantedOf(this.declared());
  }

  slot(region: string, ordinal: number): MutableSlot | undefined {
    return this.slots.find((each) => each.region === region && each.ordinal === ordinal);
  }

  addSlot(region: string, ordinal: number): MutableSlot {
    const slot: MutableSlot = {
      workload: this.name,
      region,
      ordinal,
      instance: null,
      version: null,
      incoming: null,
      incomingVersion: null,
      port: 0,
    };
    this.slots.push(slot);
    return slot;
  }

  /** Somebody wants another version. */
  deploy(version: number, rollout: 'canary' | 'all', everyMs: number, now: number): void {
    if (!this.versions.some((each) => each.version === version)) {
      this.versions = [...this.versions, this.#version({ version, age: 0, soaked: false }, now)];
    }
    this.versions = this.versions.map((each) =>
      each.version === version ? { ...each, createdAt: now, rejectedAt: null } : each,
    );
    this.#target(version, rollout === 'canary' ? 'canary' : 'rolling', now);
    this.everyMs = everyMs;
  }

  /** A move wants another version; `rejected` was gone back from. */
  setTarget(version: number, phase: DeclaredWorkload['phase'], rejected: number | null, now: number): void {
    if (this.targetVersion !== version || this.phase !== phase) this.#target(version, phase, now);
    this.versions = this.versions.map((each) => {
      if (each.version === rejected) return { ...each, rejectedAt: each.rejectedAt ?? now };
      return each.version === version ? { ...each, rejectedAt: null } : each;
    });
  }

  enter(phase: DeclaredWorkload['phase'], promote: boolean, now: number): void {
    this.phase = phase;
    this.phaseSince = now;
    this.revision++;
    if (!promote) return;
    this.versions = this.versions.map((each) =>
      each.version === this.targetVersion ? { ...each, promotedAt: now } : each,
    );
  }

  #target(version: number, phase: DeclaredWorkload['phase'], now: number): void {
    this.targetVersion = version;
    this.phase = phase;
    this.phaseSince = now;
    this.revision++;
  }

  #version(each: Omit<WorkloadWords['versions'][number], 'artefact'> & { artefact?: string | undefined }, now: number) {
    const { version, age, soaked } = each;
    return {
      version,
      artefactDigest: `artefact ${each.artefact ?? version}`,
      configDigest: `config ${version}`,
      createdAt: now - age,
      promotedAt: soaked ? now - age : null,
      rejectedAt: null,
      artefactPath: '',
      spec: this.#spec,
    };
  }
}

function specOf(words: WorkloadWords): StoredVersion['spec'] {
  const { replacement, keepsData } = words;
  const { spec } = workloadSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name: 'simulated' },
    spec: {
      artefact: { path: 'simulated' },
      command: ['simulated'],
      instances: {},
      replacement,
      keepsData,
      ...(words.route === undefined ? {} : { route: { pathPrefix: '/' } }),
      rollout: { canaryMs: CANARY_MS, soakMs: SOAK_MS },
    },
  });
  return { ...spec, dependsOn: [...words.dependsOn] };
}

/** What a new process is told and takes along. */
export interface Birth {
  readonly instance: string;
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  readonly ordinal: number;
  readonly host: string;
  readonly external: boolean;
  readonly now: number;
  readonly startMs: number;
  readonly memoryMib: number;
  readonly values: Instance['values'];
  readonly credentials: Map<string, string>;
  readonly startedWith: ReadonlySet<number>;
}

export function toInstance(birth: Birth): Instance {
  const { now, startMs, ...rest } = birth;
  return {
    ...rest,
    startedAt: now,
    readyAt: now + startMs,
    state: 'starting',
    ready: false,
    exitedAt: null,
    expected: false,
    backlog: 0,
    behaviour: healthy(),
    last: { arrivals: 0, perSecond: 0, failedShare: 0, latencyMs: 0 },
    ejectedUntil: 0,
    ejections: 0,
    seenAt: now,
    probedAt: 0,
    toldReady: false,
  };
}
