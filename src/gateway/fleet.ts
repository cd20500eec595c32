import { markOf } from './caller-mark.ts';
import { Instance } from './instance.ts';
import type { RoutingTable } from './routing-table.ts';

/** How long requests are held for a workload that had a ready instance and has none: a replacement is under way. */
const HOLD_AFTER_LOSS_MS = 30_000;

interface Group {
  ready: Instance[];
  lastReadyMs: number;
}

/** All instances of the snapshot in force, by workload and region. What a gateway knows of one outlives a snapshot. */
export class Fleet {
  #instances = new Map<string, Instance>();
  /** By the mark that traces carry. */
  #marked = new Map<string, Instance>();
  readonly #groups = new Map<string, Map<string, Group>>();

  /** Takes a new snapshot in force. Instances that left it finish what they have. */
  apply(table: RoutingTable, nowMs: number): void {
    const before = this.#instances;
    this.#instances = new Map();
    this.#emptyGroups(nowMs);
    for (const entry of table.snapshot.instances) {
      const known = before.get(entry.id);
      const same = known?.entry.host === entry.host && known.entry.port === entry.port;
      // A gateway that has just started knows of no cold instance; all begin alike.
      const readySinceMs = before.size === 0 ? Number.NEGATIVE_INFINITY : nowMs;
      const instance = known && same ? known : new Instance(entry, readySinceMs);
      this.#instances.set(entry.id, instance);
      if (entry.state === 'ready') this.#groupOf(entry.workload, entry.region).ready.push(instance);
    }
    this.#marked = new Map(Array.from(this.#instances, ([id, instance]) => [markOf(id), instance]));
    for (const instance of before.values()) {
      if (this.#instances.get(instance.entry.id) !== instance) void instance.pool.close();
    }
  }

  /** Instances that may get new requests. */
  ready(workload: string, region: string): readonly Instance[] {
    return this.#groups.get(workload)?.get(region)?.ready ?? [];
  }

  /** Whether waiting for an instance makes sense: there is one, or there was one a moment ago. */
  isExpected(workload: string, regions: readonly string[], nowMs: number): boolean {
    return regions.some((region) => {
      const group = this.#groups.get(workload)?.get(region);
      return group !== undefined && (group.ready.length > 0 || nowMs - group.lastReadyMs < HOLD_AFTER_LOSS_MS);
    });
  }

  /** Whether any other instance of the same workload and region answered after `sinceMs`. */
  othersAnswered(instance: Instance, sinceMs: number): boolean {
    const { workload, region } = instance.entry;
    return this.ready(workload, region).some((other) => other !== instance && other.lastAnswerMs > sinceMs);
  }

  /** The first instance that one of the marks is of. */
  marked(marks: readonly string[]): Instance | undefined {
    for (const mark of marks) {
      const instance = this.#marked.get(mark);
      if (instance) return instance;
    }
    return undefined;
  }

  all(): Iterable<Instance> {
    return this.#instances.values();
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#instances.values(), (instance) => instance.pool.destroy()));
  }

  #emptyGroups(nowMs: number): void {
    for (const [workload, regions] of this.#groups) {
      for (const [region, group] of regions) {
        if (group.ready.length > 0) group.lastReadyMs = nowMs;
        else if (nowMs - group.lastReadyMs >= HOLD_AFTER_LOSS_MS) regions.delete(region);
        group.ready = [];
      }
      if (regions.size === 0) this.#groups.delete(workload);
    }
  }

  #groupOf(workload: string, region: string): Group {
    const regions = this.#groups.get(workload) ?? new Map<string, Group>();
    this.#groups.set(workload, regions);
    const group = regions.get(region) ?? { ready: [], lastReadyMs: Number.NEGATIVE_INFINITY };
    regions.set(region, group);
    return group;
  }
}
