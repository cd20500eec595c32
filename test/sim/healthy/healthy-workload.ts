import type { WorkloadView } from '../../../src/diagnose/fleet-view.ts';
import { versionView, workloadView } from '../fleet-views.ts';
import type { Noise } from '../world/noise.ts';
import { type Process, startProcess, viewOf } from './processes.ts';

export interface WorkloadPlan {
  readonly name: string;
  readonly instances: number;
  readonly medianMs: number;
  /** Requests a second that one instance can serve. */
  readonly capacity: number;
  readonly calls: readonly string[];
  /** Whether anybody declared what it calls. */
  readonly declares: boolean;
  readonly routed: boolean;
  /** Null where nobody set a limit. */
  readonly limitMib: number | null;
}

const CANARY_MS = 60_000;
const EACH_MS = 20_000;
const OLD_MS = 86_400_000;
/** Somebody is slower by nature than all the others. */
const SLOWEST = 1.9;

/** A workload whose processes are well, and which is deployed now and then. */
export class HealthyWorkload {
  readonly plan: WorkloadPlan;
  readonly #noise: Noise;
  readonly #deploys: number[];
  /** When somebody adds an instance (1) or takes the last away (-1). */
  readonly #scales: { readonly at: number; readonly by: number }[];
  #occupants: Process[];
  #incoming: Process | undefined;
  #version = 1;
  #nextAt = Number.POSITIVE_INFINITY;
  #phase: WorkloadView['phase'] = 'steady';
  #phaseSince = 0;
  #speed = 1;

  constructor(
    plan: WorkloadPlan,
    noise: Noise,
    startAt: number,
    deploys: readonly number[],
    scales: readonly { readonly at: number; readonly by: number }[] = [],
  ) {
    this.#scales = [...scales].sort((a, b) => a.at - b.at);
    this.plan = plan;
    this.#noise = noise;
    this.#deploys = [...deploys].sort((a, b) => a - b);
    this.#occupants = Array.from({ length: plan.instances }, (_, ordinal) =>
      startProcess(noise, { ...this.#place(ordinal), version: 1 }, startAt, OLD_MS * noise.uniform()),
    );
  }

  get processes(): readonly Process[] {
    return this.#incoming ? [...this.#occupants, this.#incoming] : this.#occupants;
  }

  servers(at: number): readonly Process[] {
    return this.#occupants.filter(({ readyAt }) => at >= readyAt);
  }

  /** Goes on with a deployment, or begins one. Returns whoever is no longer there. */
  step(at: number): readonly Process[] {
    if (this.#phase === 'steady' && at >= (this.#deploys[0] ?? Number.POSITIVE_INFINITY)) this.#deploy(at);
    const scale =
      this.#phase === 'steady' && at >= (this.#scales[0]?.at ?? Infinity) ? this.#scales.shift() : undefined;
    if (scale !== undefined) return this.#scale(scale.by, at);
    const next = this.#incoming;
    if (next && at >= next.readyAt + 500) {
      this.#incoming = undefined;
      const before = this.#occupants.find(({ ordinal }) => ordinal === next.ordinal)!;
      this.#occupants = this.#occupants.map((each) => (each === before ? next : each));
      this.#nextAt = at + (this.#phase === 'canary' ? CANARY_MS : EACH_MS);
      return [before];
    }
    if (!next && at >= this.#nextAt) this.#goOn(at);
    return [];
  }

  view(at: number): WorkloadView {
    const { name, routed, calls, declares } = this.plan;
    const versions = Array.from({ length: this.#version }, (_, i) => {
      const isNew = i + 1 === this.#version && this.#phase !== 'steady';
      return versionView(i + 1, { createdAt: isNew ? this.#phaseSince : i + 1, promotedAt: isNew ? null : i + 1 });
    });
    return workloadView(name, {
      routed,
      dependsOn: declares ? calls : [],
      targetVersion: this.#version,
      phase: this.#phase,
      phaseSince: this.#phaseSince,
      wanted: { eu: this.#occupants.length },
      versions,
      instances: [
        ...this.#occupants.map((each) => viewOf(each, 'occupant', at)),
        ...(this.#incoming ? [viewOf(this.#incoming, 'incoming', at)] : []),
      ],
    });
  }

  #place(ordinal: number) {
    const slowness = ordinal === 1 ? SLOWEST : 0.9 + 0.3 * this.#noise.uniform();
    return { workload: this.plan.name, ordinal, slowness: slowness * this.#speed };
  }

  #scale(by: number, at: number): readonly Process[] {
    if (by < 0) return this.#occupants.splice(-1);
    const ordinal = this.#occupants.length;
    this.#occupants.push(startProcess(this.#noise, { ...this.#place(ordinal), version: this.#version }, at));
    return [];
  }

  #deploy(at: number): void {
    this.#deploys.shift();
    this.#version++;
    // No two releases are equally fast.
    this.#speed = 0.85 + 0.4 * this.#noise.uniform();
    this.#turn('canary', at);
    this.#goOn(at);
  }

  #goOn(at: number): void {
    const left = this.#occupants.filter(({ version }) => version < this.#version);
    this.#nextAt = Number.POSITIVE_INFINITY;
    const [next] = left;
    if (!next) return this.#turn('steady', at);
    if (left.length < this.#occupants.length && this.#phase === 'canary') this.#turn('rolling', at);
    this.#incoming = startProcess(this.#noise, { ...this.#place(next.ordinal), version: this.#version }, at);
  }

  #turn(phase: WorkloadView['phase'], at: number): void {
    this.#phase = phase;
    this.#phaseSince = at;
  }
}
