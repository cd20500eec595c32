import type { ActorView } from '../../../src/diagnose/fleet-view.ts';
import type { Settings } from './settings.ts';
import type { When } from '../../scenarios/schema/when.ts';
import type { ActorWords } from './words.ts';

interface Actor {
  readonly name: string;
  readonly words: ActorWords;
  running: boolean;
  /** When each of its writes, and then each of its resumptions, is due next. */
  readonly due: number[];
}

/** Who loads or changes things besides the tenants. */
export class Actors {
  readonly #actors = new Map<string, Actor>();

  constructor(words: Readonly<Record<string, ActorWords>>, now: number) {
    for (const [name, each] of Object.entries(words)) {
      const due = [...each.writes, ...each.resumes].map(({ every }) => now + every);
      this.#actors.set(name, { name, words: each, running: each.running, due });
    }
  }

  has(name: string): boolean {
    return this.#actors.has(name);
  }

  isRunning(name: string): boolean {
    return this.#actors.get(name)?.running ?? false;
  }

  isSuspendable(name: string): boolean {
    return this.#actors.get(name)?.words.suspendable ?? false;
  }

  /** Starts or stops one; true when that changed anything. One that starts does its work at once. */
  set(name: string, running: boolean, now: number): boolean {
    const actor = this.#actors.get(name);
    if (!actor || actor.running === running) return false;
    actor.running = running;
    if (running) actor.due.fill(now);
    return true;
  }

  running(): Readonly<Record<string, boolean>> {
    return Object.fromEntries([...this.#actors.values()].map((each) => [each.name, each.running]));
  }

  usesOf(asset: string): ReadonlyMap<string, number> {
    const uses = new Map<string, number>();
    for (const { name, words, running } of this.#actors.values()) {
      if (running && words.uses[asset] !== undefined) uses.set(name, words.uses[asset]);
    }
    return uses;
  }

  /** Calls per second to a workload, by actor. */
  callsOf(workload: string): ReadonlyMap<string, number> {
    const calls = new Map<string, number>();
    for (const { name, words, running } of this.#actors.values()) {
      if (running && words.calls[workload] !== undefined) calls.set(name, words.calls[workload]);
    }
    return calls;
  }

  /** What is due is done: settings are written, other actors are started again. True when anything changed. */
  act(now: number, settings: Settings, holds: (when: When) => boolean): boolean {
    let changed = false;
    for (const actor of this.#actors.values()) {
      if (!actor.running) continue;
      const { writes, resumes, kind } = actor.words;
      for (const [i, job] of [...writes, ...resumes].entries()) {
        if (now < actor.due[i]!) continue;
        actor.due[i] = now + job.every;
        if ('actor' in job) changed = this.set(job.actor, true, now) || changed;
        else if (job.when && !holds(job.when)) continue;
        else if (settings.value(job.setting) !== job.value) {
          settings.write(job.setting, job.value, `${kind} ${actor.name}`, now);
          changed = true;
        }
      }
    }
    return changed;
  }

  turningPoints(): readonly number[] {
    return [...this.#actors.values()].filter((each) => each.running).flatMap((each) => each.due);
  }

  /** `usedOf` is all use of an asset, `callsTo` all requests per second at a workload. */
  views(usedOf: (asset: string) => number, callsTo: (workload: string) => number): readonly ActorView[] {
    return [...this.#actors.values()].map(({ name, words, running }) => {
      const now = running ? [...entriesOf(words.uses, usedOf), ...entriesOf(words.calls, callsTo)] : [];
      const uses = now.map(({ of, amount, all }) => ({
        of,
        share: all > 0 ? Math.min(1, amount / all) : 0,
        timesUsual: amount / Math.max(words.usually[of] ?? amount, 1e-9),
      }));
      return { name, kind: words.kind, running, suspendable: words.suspendable, uses };
    });
  }
}

function entriesOf(amounts: Readonly<Record<string, number>>, allOf: (of: string) => number) {
  return Object.entries(amounts).map(([of, amount]) => ({ of, amount, all: allOf(of) }));
}
