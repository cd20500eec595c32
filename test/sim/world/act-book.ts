import type { JournalEntry } from '../../../src/heal/journal.ts';
import type { Plan, Step } from '../../../src/heal/plan.ts';
import type { MoveName } from '../../../src/resources/playbook.ts';
import type { Act } from './trial.ts';

/** A repair as whoever runs it can be asked for it. */
export interface KnownRepair {
  readonly plan: Plan;
  readonly journal: readonly JournalEntry[];
}

export type RepairLookup = (repair: string) => KnownRepair | undefined;

/** `rep_x:0:apply` */
export function partsOf(key: string): { repair: string; moveIndex: number; verb: 'apply' | 'undo' } | undefined {
  const [, repair, index, verb] = /^(.+):(\d+):(apply|undo)$/.exec(key) ?? [];
  if (repair === undefined || index === undefined) return undefined;
  return { repair, moveIndex: Number(index), verb: verb === 'undo' ? 'undo' : 'apply' };
}

type Open = { -readonly [Key in keyof Act]: Act[Key] };

/** What the healer did to the world, one entry for each key. */
export class ActBook {
  readonly acts: Open[] = [];
  /** Whether these instances are well at this moment; set by the world. */
  areWell: (instances: readonly string[]) => boolean | undefined = () => undefined;
  readonly #byKey = new Map<string, Open>();
  readonly #announced = new Map<string, readonly string[]>();
  readonly #startAt: number;

  constructor(startAt: number) {
    this.#startAt = startAt;
  }

  /** Whoever heals without plans says what will be touched under a key. */
  announce(key: string, subjects: readonly string[]): void {
    this.#announced.set(key, subjects);
  }

  /** Something is done under this key now. A second thing under the same key belongs to the same act. */
  note(key: string, by: string, epoch: number, now: number, known: KnownRepair | undefined): void {
    const parts = partsOf(key);
    if (!parts || this.#byKey.has(key)) return;
    const step = known?.plan.steps[parts.moveIndex];
    const value = step && writtenBy(step);
    const subjects = step ? subjectsOf(step, known.plan) : (this.#announced.get(key) ?? []);
    const areWell = this.areWell(subjects);
    const act: Open = {
      at: now - this.#startAt,
      endedAt: null,
      move: step?.move ?? moveIn(key),
      verb: parts.verb,
      subjects,
      ...(areWell === undefined ? {} : { areWell }),
      ...(value === undefined ? {} : { value }),
      by,
      epoch,
      key,
      repair: parts.repair,
      incident: known?.plan.incident ?? parts.repair,
      failed: null,
    };
    this.#byKey.set(key, act);
    this.acts.push(act);
  }

  /** The call is over; null when it did what it was to do. */
  close(key: string, now: number, failed: string | null): void {
    const act = this.#byKey.get(key);
    // A former leader that hears late that it was refused says nothing about what another has finished under the key.
    if (!act || (act.endedAt !== null && act.failed === null)) return;
    act.endedAt = now - this.#startAt;
    act.failed = failed;
  }
}

/** Healers without plans say their move in the key: `baseline replace 3:0:apply`. */
function moveIn(key: string): MoveName {
  return (/^\S+ (\S+) /.exec(key)?.[1] ?? 'run') as MoveName;
}

const NAMES = ['workload', 'tenant', 'setting', 'asset', 'actor', 'route', 'fingerprint'] as const;

function subjectsOf({ touch, input }: Step, plan: Plan): readonly string[] {
  const named = NAMES.flatMap((name) => (typeof input[name] === 'string' ? [input[name]] : []));
  const slots = (Array.isArray(input['slots']) ? input['slots'] : [input]).flatMap((each) => {
    const { region, ordinal } = (each ?? {}) as { region?: string; ordinal?: number };
    const workload = input['workload'];
    return region !== undefined && ordinal !== undefined ? [`${String(workload)}/${region}/${ordinal}`] : [];
  });
  const { instances, tenants, settings, assets, actors } = touch;
  const workload = plan.workload === null ? [] : [plan.workload];
  return [...new Set([...named, ...slots, ...instances, ...settings, ...assets, ...actors, ...workload, ...tenants])];
}

/** The value that it writes, or the version that it goes to. */
function writtenBy({ input }: Step): string | null | undefined {
  if ('setting' in input) return (input['value'] ?? null) as string | null;
  return typeof input['to'] === 'number' ? String(input['to']) : undefined;
}
