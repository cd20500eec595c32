import type { AddedSample } from '../observe/sample.ts';
import type { FleetView } from './fleet-view.ts';

/** Tells how many instances repairs added to each workload and region: at the first look, and whenever it has changed. */
export class Additions {
  #known: ReadonlyMap<string, AddedSample> = new Map();
  #untold: readonly AddedSample[] = [];

  /** What was seen and not told of yet, oldest first. */
  take(): readonly AddedSample[] {
    const told = this.#untold;
    this.#untold = [];
    return told;
  }

  look({ workloads, at }: FleetView): void {
    const now = new Map<string, AddedSample>();
    const told: AddedSample[] = [];
    for (const { name: workload, wanted: all, added: more } of workloads) {
      for (const region in all) {
        const [wanted, added] = [all[region]!, more?.[region] ?? 0];
        const before = this.#known.get(`${workload}/${region}`);
        const isNews = before?.wanted !== wanted || before.added !== added;
        const sample = isNews ? sampleOf(at, workload, region, wanted, added) : before;
        now.set(`${workload}/${region}`, sample);
        if (isNews) told.push(sample);
      }
    }
    for (const [key, { workload, region }] of this.#known) {
      if (!now.has(key)) told.push(sampleOf(at, workload, region, 0, 0));
    }
    this.#known = now;
    if (told.length > 0) this.#untold = [...this.#untold, ...told];
  }
}

function sampleOf(at: number, workload: string, region: string, wanted: number, added: number): AddedSample {
  return { kind: 'added', at, vantage: 'control', workload, region, wanted, added };
}
