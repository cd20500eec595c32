import { type Clock, toIso } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import { Child, type Household, newStatus, specDigestOf } from './child.ts';
import type { ChildRecord } from './keeper-record.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { watchLiveness } from './system-liveness.ts';
import { afterEnd, NO_RESTARTS, type RestartHistory } from './restart-intensity.ts';

/** One of Kintsugi's own processes, as whoever starts the keeper declares it. */
export interface SystemProcess {
  readonly id: string;
  /** As in `ProcessSpec`. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Started in ascending order, without waiting for readiness: each retries what it needs by itself. */
  readonly order: number;
  readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
  readonly killAfterMs: number;
  /** Unix socket on which it answers `GET /livez`; left out for one that is not to be killed when it hangs. */
  readonly livenessSocket?: string;
}

/**
 * Keeps one system process alive: starts it again when it ends, with back-off, until it is told to stop. One that hangs is
 * killed, which is an end like any other.
 */
export class SystemKeeper {
  readonly child: Child;
  readonly #process: SystemProcess;
  readonly #home: Household;
  readonly #clock: Clock;
  #history: RestartHistory = NO_RESTARTS;
  #bornMs = 0;
  #stopped = false;
  #cancelRestart = () => {};
  #cancelWatch = () => {};
  #launching: Promise<void> = Promise.resolve();

  constructor(process: SystemProcess, record: ChildRecord | undefined, home: Household) {
    const fresh = { status: newStatus({ id: process.id, role: 'system' }), startTime: null, specDigest: '' };
    this.child = new Child(record ?? fresh, home, () => this.#onEnd());
    this.#process = process;
    this.#home = home;
    this.#clock = home.clock;
  }

  /** Takes over the process of an earlier keeper if it still runs, reports its end if it ended meanwhile. */
  adopt(identity: ProcessIdentity | undefined): void {
    if (!identity || !this.child.adopt(identity)) {
      if (this.child.status.pid !== null) this.child.foundGone();
      return;
    }
    this.#bornMs = this.#clock.monotonicMs();
    this.#watch();
    if (this.child.record.specDigest === specDigestOf(this.#process)) return;
    this.#home.log.warn({ id: this.child.id }, 'adopted a process that runs with other settings than those of today');
  }

  /** Starts it unless it runs. Never rejects: what cannot be started is tried again. */
  start(): Promise<void> {
    this.#launching = this.#launch();
    return this.#launching;
  }

  async #launch(): Promise<void> {
    if (this.child.alive || this.#stopped) return;
    this.#bornMs = this.#clock.monotonicMs();
    try {
      await this.child.launch({ ...this.#process, limits: {} });
      this.#watch();
    } catch (error) {
      this.#home.log.error({ id: this.child.id, reason: describeError(error) }, 'cannot start');
      this.child.set({ state: 'exited' });
      this.#onEnd();
    }
  }

  #watch(): void {
    const { id, livenessSocket: socketPath } = this.#process;
    if (socketPath === undefined) return;
    const onHung = () => {
      this.#home.log.error({ id }, 'hangs: it is killed and started again');
      // On disk before it is done: whoever decides may be what hangs, and learns of it later.
      const times = (this.child.status.hung?.times ?? 0) + 1;
      this.child.set({ hung: { at: toIso(this.#clock.now()), times } });
      this.#home.file.trySave();
      this.child.signal('SIGKILL');
    };
    this.#cancelWatch();
    this.#cancelWatch = watchLiveness({ socketPath, clock: this.#clock, onHung });
  }

  #onEnd(): void {
    this.#cancelWatch();
    if (this.#stopped) return;
    const nowMs = this.#clock.monotonicMs();
    const verdict = afterEnd(this.#history, nowMs, nowMs - this.#bornMs);
    this.#history = verdict.history;
    const { id, status } = this.child;
    if (verdict.gaveUp) {
      this.child.set({ state: 'failed' });
      this.#home.events.emit('failed', this.child.status);
      this.#home.log.error(
        { id, exit: status.exit, againInMs: verdict.delayMs },
        'ended too often: gave up for a while',
      );
    } else {
      this.#home.log.warn({ id, exit: status.exit, againInMs: verdict.delayMs }, 'ended: starting again');
    }
    this.#cancelRestart = this.#clock.after(verdict.delayMs, () => {
      this.child.set({ restarts: this.child.status.restarts + 1 });
      void this.start();
    });
  }

  /** Ends it for good. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWatch();
    this.#cancelRestart();
    await this.#launching;
    await this.child.stop(this.#process.stopSignal, this.#process.killAfterMs);
  }
}
