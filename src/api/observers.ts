import type { Clock } from '../base/clock.ts';
import { fromIso } from '../base/clock.ts';
import { digestOfPath } from '../base/digest.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Slot, StoredVersion } from '../drivers/declared.ts';
import type { Driver } from '../drivers/driver.ts';
import { roomFor } from '../drivers/room.ts';
import type { World } from '../drivers/world.ts';
import type { TelemetryReport } from '../gateway/telemetry.ts';
import type { Probe } from '../observe/probe.ts';
import { createProber, type ProbeAssignment, type Prober } from '../observe/prober.ts';
import { NOWHERE, type Sample } from '../observe/sample.ts';
import { readDescriptors, readFreeBytes, readResidentBytes } from '../observe/usage-reader.ts';
import { LostRequests } from './lost-requests.ts';
import { ReportIntake, samplesOf } from './telemetry-intake.ts';

const USAGE_MS = 1_000;
const ARTEFACT_MS = 30_000;
const RECONNECT_MS = 100;

/** Everything that looks at the world: the keeper's events, the probes, the gateways' counts, memory, artefacts. */
export class Observers {
  readonly #world: World;
  readonly #clock: Clock;
  readonly #driver: Driver;
  readonly #log: Log;
  readonly #prober: Prober;
  readonly #onSample: (sample: Sample) => void;
  readonly #wake: () => void;
  readonly #reported = new Set<string>();
  readonly #lost: LostRequests;
  readonly #intake = new ReportIntake();
  readonly #stops: (() => void)[] = [];

  constructor(options: {
    world: World;
    clock: Clock;
    random: Random;
    driver: Driver;
    log: Log;
    probes: readonly Probe[];
    onSample: (sample: Sample) => void;
    wake: () => void;
  }) {
    this.#world = options.world;
    this.#clock = options.clock;
    this.#lost = new LostRequests(options.clock);
    this.#driver = options.driver;
    this.#log = options.log;
    this.#onSample = options.onSample;
    this.#wake = options.wake;
    this.#prober = createProber(options);
  }

  start(signal: AbortSignal): void {
    void this.#followKeeper(signal);
    this.#stops.push(this.#clock.every(USAGE_MS, () => this.#readUsage()));
    this.#stops.push(this.#clock.every(ARTEFACT_MS, () => this.#checkArtefacts()));
  }

  close(): void {
    this.#prober.close();
    for (const stop of this.#stops) stop();
  }

  /** Counts from a gateway. */
  takeReport(report: TelemetryReport): void {
    const news = this.#intake.take(report, this.#clock.now());
    if (!news) return;
    const regions = new Map(this.#world.instances().map((each) => [each.id, each.region]));
    for (const sample of samplesOf(news, (instance) => regions.get(instance) ?? NOWHERE)) this.#onSample(sample);
    for (const sample of this.#lost.heard(report, (instance) => this.#isDead(instance))) this.#onSample(sample);
  }

  #isDead(instance: string): boolean {
    return this.#world.child(instance)?.exit?.expected === false;
  }

  /** Probes exactly what runs now. */
  assign(environmentOf: (version: StoredVersion, slot: Slot) => Record<string, string>): void {
    this.reportExits();
    this.#prober.assign(
      this.#world.instances().flatMap((each): ProbeAssignment[] => {
        const version = this.#world.version(each.workload, each.version);
        const child = this.#world.child(each.id);
        if (!version || !child || !each.running) return [];
        const { workload, region, id: instance } = each;
        const needsEnvironment = [version.spec.readiness, version.spec.liveness].some((spec) => spec?.type === 'exec');
        return [
          {
            instance,
            workload,
            region,
            version: each.version,
            host: child.host,
            port: child.port,
            cwd: version.artefactPath,
            env: needsEnvironment ? environmentOf(version, each.slot) : {},
            readiness: version.spec.readiness,
            liveness: version.spec.liveness,
            eager: !each.ready,
          },
        ];
      }),
    );
  }

  /** Tells of each occupant that died, once, however the news came: by event, by list, or after a takeover. */
  reportExits(): void {
    for (const each of this.#world.instances()) {
      const exit = this.#world.child(each.id)?.exit;
      if (!exit || exit.expected || each.role !== 'occupant' || this.#reported.has(each.id)) continue;
      this.#reported.add(each.id);
      const lost = this.#lost.died(each.id);
      if (lost) this.#onSample(lost);
      this.#onSample({
        kind: 'exit',
        at: fromIso(exit.at),
        vantage: 'keeper',
        instance: each.id,
        workload: each.workload,
        version: each.version,
        region: each.region,
        expected: false,
        livedMs: fromIso(exit.at) - each.startedAt,
        code: exit.code,
        signal: exit.signal,
        lastLines: exit.lastLines,
      });
    }
  }

  /** Follows the keeper's events for ever; after each gap the list is read again. */
  async #followKeeper(signal: AbortSignal): Promise<void> {
    let after = 0;
    while (!signal.aborted) {
      try {
        this.#world.setChildren(await this.#driver.list(signal));
        this.reportExits();
        this.#wake();
        for await (const event of this.#driver.events(after, signal)) {
          after = event.sequence;
          this.#world.setChild(event.child);
          this.reportExits();
          this.#wake();
        }
      } catch (error) {
        if (!signal.aborted) this.#log.warn({ reason: describeError(error) }, 'the keeper is away');
      }
      await this.#clock.sleep(RECONNECT_MS, signal).catch(() => undefined);
    }
  }

  async #readUsage(): Promise<void> {
    let largestBytes = 0;
    for (const { id, workload, version, region } of this.#world.instances()) {
      const pid = this.#world.child(id)?.pid;
      if (!pid || !this.#world.isReady(id)) continue;
      const [residentBytes, descriptors] = await Promise.all([readResidentBytes(pid), readDescriptors(pid)]);
      const reading = { at: this.#clock.now(), vantage: 'control' };
      if (residentBytes !== undefined) {
        largestBytes = Math.max(largestBytes, residentBytes);
        const { memoryMiB } = this.#world.version(workload, version)?.spec.resources ?? {};
        const limit = memoryMiB === undefined ? {} : { limitBytes: memoryMiB * 2 ** 20 };
        this.#onSample({
          kind: 'memory',
          ...reading,
          instance: id,
          workload,
          version,
          region,
          residentBytes,
          ...limit,
        });
      }
      if (descriptors === undefined) continue;
      const { open: level, limit } = descriptors;
      const of = { kind: 'instance' as const, name: id };
      this.#onSample({ kind: 'level', ...reading, of, measure: 'descriptors', level, ...(limit ? { limit } : {}) });
    }
    this.#world.room = roomFor(this.#world.declared.workloads, readFreeBytes(), largestBytes);
  }

  async #checkArtefacts(): Promise<void> {
    for (const { name, targetVersion } of this.#world.declared.workloads) {
      const version = this.#world.version(name, targetVersion);
      if (!version) continue;
      const digest = await digestOfPath(version.artefactPath).catch(() => 'missing');
      const matches = digest === version.artefactDigest;
      const at = this.#clock.now();
      this.#onSample({ kind: 'artefact', at, vantage: 'control', workload: name, version: targetVersion, matches });
    }
  }
}
