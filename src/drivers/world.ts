import { type Clock, fromIso } from '../base/clock.ts';
import type { FleetView, InstanceView } from '../diagnose/fleet-view.ts';
import { type FallRise, startFallRise, stepFallRise } from '../observe/fall-rise.ts';
import type { ProbeSample } from '../observe/sample.ts';
import { bondsOf } from '../resources/tenant.ts';
import { type Declared, type DeclaredWorkload, NOTHING_DECLARED, type Slot, type StoredVersion } from './declared.ts';
import { NO_PARTS, type PartsView } from './parts.ts';
import type { ChildStatus } from './process/protocol.ts';

/**
 * What this control process knows of the world at the moment: what was declared (as last read), what the keeper runs, and
 * which of it is ready. All of it can be thrown away and read again; none of it is a decision.
 */
export class World {
  declared: Declared = NOTHING_DECLARED;
  /** When what was declared was last read. */
  declaredAt = 0;
  #children: ReadonlyMap<string, ChildStatus> = new Map();
  readonly #readiness = new Map<string, FallRise>();
  /** What was last seen of all that is not an instance. */
  parts: Pick<PartsView, 'settings' | 'assets' | 'actors'> = NO_PARTS;
  /** Instances that can still be placed, per region; a region that nobody looked at is not in it. */
  room: Readonly<Record<string, number>> = {};
  /** Instances that left the routing and finish what they have. */
  readonly draining = new Set<string>();
  readonly #waiters = new Set<() => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  setChildren(children: readonly ChildStatus[]): void {
    this.#children = new Map(children.map((child) => [child.id, child]));
    for (const id of this.#readiness.keys()) if (!this.isRunning(id)) this.#readiness.delete(id);
    this.wake();
  }

  setChild(child: ChildStatus): void {
    this.#children = new Map([...this.#children, [child.id, child]]);
    if (!this.isRunning(child.id)) this.#readiness.delete(child.id);
    this.wake();
  }

  child(id: string): ChildStatus | undefined {
    return this.#children.get(id);
  }

  children(): readonly ChildStatus[] {
    return [...this.#children.values()];
  }

  isRunning(id: string): boolean {
    const state = this.#children.get(id)?.state;
    return state === 'running' || state === 'starting';
  }

  /** Takes a reading; resolves to true when it turned an instance ready or not ready. */
  onProbe(sample: ProbeSample): boolean {
    if (sample.probe !== 'readiness' || !this.isRunning(sample.instance)) return false;
    const before = this.#readiness.get(sample.instance) ?? startFallRise(sample.at);
    const after = stepFallRise(before, sample);
    this.#readiness.set(sample.instance, after);
    if (after.up !== before.up) this.wake();
    return after.up !== before.up;
  }

  isReady(id: string): boolean {
    return this.isRunning(id) && this.#readiness.get(id)?.up === true;
  }

  /** Resolves once `level` holds; rejects with the signal's reason. Looks again whenever anything changed. */
  async until(level: () => boolean, signal: AbortSignal): Promise<void> {
    while (!level()) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiters.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.#waiters.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    }
  }

  wake(): void {
    for (const waiter of this.#waiters) waiter();
  }

  workload(name: string): DeclaredWorkload | undefined {
    return this.declared.workloads.find((each) => each.name === name);
  }

  version(workload: string, version: number): StoredVersion | undefined {
    return this.workload(workload)?.versions.find((each) => each.version === version);
  }

  /** Every instance that has a slot or is on its way into one. */
  instances(): readonly (InstanceView & { readonly slot: Slot })[] {
    return this.declared.workloads.flatMap((workload) =>
      workload.slots.flatMap((slot) => {
        const occupant =
          slot.instance && slot.version !== null ? [this.#view(slot, slot.instance, slot.version, 'occupant')] : [];
        const incoming =
          slot.incoming && slot.incomingVersion !== null
            ? [this.#view(slot, slot.incoming, slot.incomingVersion, 'incoming')]
            : [];
        return [...occupant, ...incoming];
      }),
    );
  }

  /** The fleet as plain data, for diagnosis and decision. */
  view(): FleetView {
    const instances = this.instances();
    return {
      at: this.#clock.now(),
      workloads: this.declared.workloads.map((workload) => ({
        name: workload.name,
        revision: workload.revision,
        targetVersion: workload.targetVersion,
        phase: workload.phase,
        phaseSince: workload.phaseSince,
        replacement: workload.spec.replacement,
        dependsOn: workload.spec.dependsOn,
        wanted: wantedOf(workload),
        added: addedOf(workload),
        routed: workload.spec.route !== undefined,
        keepsData: workload.spec.keepsData,
        external: false,
        instances: instances.filter((each) => each.workload === workload.name),
        versions: workload.versions,
      })),
      tenants: this.declared.tenants.map((tenant) => ({
        ...bondsOf(tenant),
        dataClasses: tenant.spec.dataClasses,
        limits: tenant.spec.limits,
        mitigations: this.declared.mitigations.filter((each) => each.tenant === tenant.metadata.name),
      })),
      containments: this.declared.containments,
      ...this.parts,
      room: this.room,
    };
  }

  #view(slot: Slot, id: string, version: number, role: InstanceView['role']): InstanceView & { slot: Slot } {
    const child = this.#children.get(id);
    const startedAt = child?.startedAt ? fromIso(child.startedAt) : 0;
    return {
      id,
      workload: slot.workload,
      version,
      region: slot.region,
      ordinal: slot.ordinal,
      host: 'local',
      role,
      running: this.isRunning(id),
      ready: this.isReady(id),
      seenAt: this.#readiness.get(id)?.lastAt ?? 0,
      startedAt,
      slot,
    };
  }
}

/** Instances wanted per region: what is declared and what moves added. */
export function wantedOf(workload: DeclaredWorkload): Readonly<Record<string, number>> {
  const wanted: Record<string, number> = { ...workload.spec.instances };
  for (const delta of Object.values(workload.scaleDelta)) {
    for (const [region, by] of Object.entries(delta)) wanted[region] = Math.max(0, (wanted[region] ?? 0) + by);
  }
  return wanted;
}

/** Instances beyond those that are declared, per region: none where moves took back what they added. */
export function addedOf(workload: DeclaredWorkload): Readonly<Record<string, number>> {
  const wanted = Object.entries(wantedOf(workload));
  return Object.fromEntries(
    wanted.flatMap(([region, count]) => {
      const more = count - (workload.spec.instances[region] ?? 0);
      return more > 0 ? [[region, more] as const] : [];
    }),
  );
}
