import { type Clock, toIso } from '../base/clock.ts';
import { type SocketClient, socketClient } from '../base/socket-http.ts';
import type { AccessRecorder } from './access-recorder.ts';
import type { Fleet } from './fleet.ts';
import type { TelemetryReport } from './telemetry.ts';
import type { TelemetryRecorder } from './telemetry-recorder.ts';

const BEAT_MS = 250;
const CALL_TIMEOUT_MS = 1_000;

interface TelemetrySenderOptions {
  readonly ordinal: number;
  readonly controlSocket: string;
  readonly clock: Clock;
  readonly recorder: TelemetryRecorder;
  readonly fleet: Fleet;
  readonly records: AccessRecorder;
  /** Of the snapshot in force; -1 for none. */
  readonly revision: () => number;
}

/** Reports to control four times a second, also that nothing happened. A report that does not arrive is not repeated, but for the lost requests in it. */
export class TelemetrySender {
  readonly #options: TelemetrySenderOptions;
  readonly #client: SocketClient;
  readonly #cancel: () => void;
  #sequence = 0;
  #from: string;
  #failures = 0;

  constructor(options: TelemetrySenderOptions) {
    this.#options = options;
    this.#client = socketClient(options.controlSocket, 'control.unreachable');
    this.#from = toIso(options.clock.now());
    this.#cancel = options.clock.every(BEAT_MS, () => this.#send());
  }

  /** Reports that did not arrive. */
  get failures(): number {
    return this.#failures;
  }

  async close(): Promise<void> {
    this.#cancel();
    await this.#send();
    await this.#client.close();
  }

  async #send(): Promise<void> {
    const report = this.#report();
    try {
      const { clock } = this.#options;
      await this.#client.call('POST', '/v1/telemetry', report, clock.deadline(CALL_TIMEOUT_MS));
      this.#options.recorder.lostReported(report.lost);
    } catch {
      this.#failures += 1;
    }
  }

  #report(): TelemetryReport {
    const { ordinal, clock, recorder, fleet, records, revision } = this.#options;
    const from = this.#from;
    this.#from = toIso(clock.now());
    this.#sequence += 1;
    const nowMs = clock.monotonicMs();
    const instances = [...fleet.all()];
    return {
      gateway: ordinal,
      pid: process.pid,
      sequence: this.#sequence,
      from,
      to: this.#from,
      snapshotRevision: revision(),
      ...recorder.take(),
      inflight: Object.fromEntries(instances.map(({ entry, inflight }) => [entry.id, inflight])),
      ejected: instances.filter(({ ejection }) => ejection.isEjected(nowMs)).map(({ entry }) => entry.id),
      lost: recorder.lostRequests,
      recordsWaiting: records.waiting,
    };
  }
}
