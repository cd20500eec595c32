import { fromIso, toIso } from '../../../src/base/clock.ts';
import type { TelemetryReport } from '../../../src/gateway/telemetry.ts';

/** What is odd about the reports of one gateway for a while, in times from the start of the hour. */
export interface Oddity {
  readonly gateway: number;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Its clock is off by `ms`; each report comes twice; none comes until the end, and then all of them at once; none comes. */
  readonly does: 'clock-off' | 'repeats' | 'withholds' | 'loses';
  readonly ms?: number;
}

/** Does to reports what networks and clocks do. */
export class OddReports {
  readonly #oddities: readonly Oddity[];
  readonly #held = new Map<Oddity, TelemetryReport[]>();

  constructor(oddities: readonly Oddity[]) {
    this.#oddities = oddities;
  }

  /** What arrives at `hourMs` when this one was sent. */
  arriving(report: TelemetryReport, hourMs: number): readonly TelemetryReport[] {
    const { gateway } = report;
    const now = this.#oddities.find(
      (each) => each.gateway === gateway && each.fromMs <= hourMs && hourMs < each.untilMs,
    );
    const late = [...this.#held].flatMap(([each, held]) => (each !== now && each.gateway === gateway ? held : []));
    for (const each of this.#held.keys()) if (each !== now && each.gateway === gateway) this.#held.delete(each);
    return [...late, ...this.#through(report, now)];
  }

  #through(report: TelemetryReport, oddity: Oddity | undefined): readonly TelemetryReport[] {
    if (oddity === undefined) return [report];
    switch (oddity.does) {
      case 'clock-off': {
        const off = (time: string) => toIso(fromIso(time) + (oddity.ms ?? 0));
        return [{ ...report, from: off(report.from), to: off(report.to) }];
      }
      case 'repeats':
        return [report, report];
      case 'withholds':
        this.#held.set(oddity, [...(this.#held.get(oddity) ?? []), report]);
        return [];
      case 'loses':
        return [];
    }
  }
}
