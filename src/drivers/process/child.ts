import type { Clock } from '../../base/clock.ts';
import { toIso } from '../../base/clock.ts';
import { digestOfJson } from '../../base/digest.ts';
import type { Log } from '../../base/log.ts';
import type { StateDirectory } from '../../base/state-directory.ts';
import { join } from 'node:path';
import type { Cgroups } from './cgroup.ts';
import type { KeeperEvents } from './keeper-events.ts';
import type { ChildRecord, KeeperFile } from './keeper-record.ts';
import { adoptProcess, endLeftovers, type LiveProcess, type ProcessEnd, spawnProcess } from './live-process.ts';
import { LogCapture } from './log-capture.ts';
import { CHILD_MARKS, type ProcessIdentity } from './process-identity.ts';
import type { ChildStatus, ProcessSpec, SignalCommand } from './protocol.ts';

/** What every child of one keeper shares. */
export interface Household {
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly log: Log;
  readonly file: KeeperFile;
  readonly events: KeeperEvents;
  readonly cgroups: Cgroups;
}

const RELEASE_TRIES_MAX = 50;
const RELEASE_PAUSE_MS = 100;

/** Where the lifeline of a child lies. */
export function lifelinePath(state: StateDirectory, id: string): string {
  return join(state.root, 'run', 'lifelines', id);
}

/** Digest by which a record tells whether a child runs with the specification of today. */
export function specDigestOf({ command, cwd, env }: Pick<ProcessSpec, 'command' | 'cwd' | 'env'>): string {
  return digestOfJson({ command, cwd, env });
}

/** A status of a child that nothing happened to yet. */
export function newStatus(identity: Pick<ChildStatus, 'id' | 'role'>, place: Partial<ChildStatus> = {}): ChildStatus {
  return {
    workload: '',
    version: 0,
    region: '',
    host: '',
    port: 0,
    ...place,
    ...identity,
    state: 'starting',
    pid: null,
    startedAt: null,
    exit: null,
    restarts: 0,
    limitsEnforced: false,
  };
}

/**
 * One child through its life: intent, process, end. It knows no policy; what follows an end is up to `onExit`, which is
 * called once for each life, after the event.
 */
export class Child {
  readonly id: string;
  readonly #home: Household;
  readonly #onExit: (child: Child) => void;
  readonly #capture: LogCapture;
  #record: ChildRecord;
  #process: LiveProcess | undefined;
  #toldToStop = false;

  constructor(record: ChildRecord, home: Household, onExit: (child: Child) => void) {
    this.id = record.status.id;
    this.#record = record;
    this.#home = home;
    this.#onExit = onExit;
    this.#capture = new LogCapture(this.id, home.state.logs, home.clock, home.log);
  }

  get status(): ChildStatus {
    return this.#record.status;
  }

  get record(): ChildRecord {
    return this.#record;
  }

  get capture(): LogCapture {
    return this.#capture;
  }

  get alive(): boolean {
    return this.#process !== undefined;
  }

  set(change: Partial<ChildStatus>): void {
    this.#record = { ...this.#record, status: { ...this.#record.status, ...change } };
  }

  /**
   * Starts a life. The intent is on disk before the process exists, its identity right after. Rejects with
   * `instance.start-failed` or, before anything was started, `state.unwritable`.
   */
  async launch(spec: ProcessSpec): Promise<void> {
    const { state, file, events, cgroups, clock } = this.#home;
    this.#record = { ...this.#record, startTime: null, specDigest: specDigestOf(spec) };
    this.set({ state: 'starting', pid: null, startedAt: null, exit: null });
    this.#toldToStop = false;
    file.save();
    this.#capture.open('new');
    const process = await this.#spawn(spec, state);
    const { pid, startTime } = process.identity;
    this.#record = { ...this.#record, startTime };
    this.set({ state: 'running', pid, startedAt: toIso(clock.now()) });
    this.set({ limitsEnforced: cgroups.confine(this.id, pid, spec.limits) });
    file.trySave();
    this.#live(process);
    events.emit('started', this.status);
  }

  async #spawn({ command, cwd, env }: ProcessSpec, state: StateDirectory): Promise<LiveProcess> {
    const marks = { [CHILD_MARKS.id]: this.id, [CHILD_MARKS.keeper]: state.root };
    try {
      return await spawnProcess({
        command,
        cwd,
        env: { ...inherited(), ...env, ...marks },
        outputPath: this.#capture.rawPath,
        lifelinePath: lifelinePath(state, this.id),
      });
    } catch (error) {
      this.#capture.close();
      throw error;
    }
  }

  /** Takes over the process of an earlier keeper. False when it is gone: then nothing is changed or told. */
  adopt(identity: ProcessIdentity): boolean {
    const { state, clock, events } = this.#home;
    const process = adoptProcess(identity, lifelinePath(state, this.id), clock);
    if (!process) return false;
    this.#capture.open('adopted');
    this.#record = { ...this.#record, startTime: identity.startTime };
    this.set({ pid: identity.pid, state: 'running', exit: null });
    this.#live(process);
    events.emit('adopted', this.status);
    return true;
  }

  /** Reports a process that ended, or never came to be, while no keeper looked. */
  foundGone(): void {
    const began = this.#record.startTime !== null;
    this.#capture.open('adopted');
    this.#report({ code: null, signal: null }, began ? 'exited' : 'failed');
  }

  #live(process: LiveProcess): void {
    this.#process = process;
    void process.gone.then((end) => this.#ended(process, end));
  }

  #ended(process: LiveProcess, end: ProcessEnd): void {
    this.#process = undefined;
    this.#report(end, 'exited');
    endLeftovers(process.identity, lifelinePath(this.#home.state, this.id));
    void this.#releaseCgroup();
    this.#onExit(this);
  }

  #report({ code, signal }: ProcessEnd, type: 'exited' | 'failed'): void {
    const { clock, events, file } = this.#home;
    this.#capture.close();
    const lastLines = this.#capture.lastLines();
    const expected = this.#toldToStop || this.status.state === 'stopping';
    this.set({ state: type, pid: null, exit: { at: toIso(clock.now()), code, signal, expected, lastLines } });
    events.emit(type, this.status);
    file.saveSoon();
  }

  /** What is killed with the group leaves it a moment later. */
  async #releaseCgroup(): Promise<void> {
    const { cgroups, clock, log } = this.#home;
    for (let tries = 0; tries < RELEASE_TRIES_MAX; tries++) {
      if (this.alive || cgroups.release(this.id)) return;
      await clock.sleep(RELEASE_PAUSE_MS);
    }
    log.warn({ id: this.id }, 'the control group of a child that ended could not be removed');
  }

  /** SIGTERM goes to the process, which knows its own; what cannot be handled goes to its whole group. */
  signal(name: SignalCommand['signal']): void {
    this.#process?.signal(name, name === 'SIGTERM' ? 'process' : 'group');
  }

  /** Asks it to end, wakes it if it is suspended, kills its group after `killAfterMs`. Resolves when it is gone. */
  async stop(signal: NodeJS.Signals, killAfterMs: number): Promise<void> {
    const process = this.#process;
    if (!process) return;
    this.#toldToStop = true;
    this.set({ state: 'stopping' });
    this.#home.file.saveSoon();
    const kill = () => process.signal('SIGKILL', 'group');
    if (killAfterMs <= 0) kill();
    else process.signal(signal, 'process');
    process.signal('SIGCONT', 'group');
    const cancel = this.#home.clock.after(killAfterMs, kill);
    await process.gone;
    cancel();
  }
}

function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TZ'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
