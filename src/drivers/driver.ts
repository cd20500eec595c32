import type { ChildStatus, KeeperEvent, SignalCommand, StartCommand, StopCommand } from './process/protocol.ts';

/** What `start` is told: the command, and the id under which the instance lives and is never started again. */
export type InstanceStart = StartCommand & { readonly id: string };

/**
 * The hands of control: the one way in which it starts, stops and hears of instances.
 *
 * Whoever implements it owes:
 * - **At most once.** An id is started at most once in its life. `start` with an id that was used answers with its present
 *   status (which may be `exited`) and starts nothing, also after a crash of either side. A start that is refused before
 *   a process exists does not use the id up.
 * - **Fencing.** `start`, `stop` and `raiseFence` carry the leader's epoch. A lower epoch than the highest ever seen is refused with
 *   `keeper.refused` and has no effect; the highest is remembered across restarts.
 * - **No will of its own.** An instance that ends is reported and not started again. What to do is decided elsewhere.
 * - **Level and edge.** `list` is the truth at the time of the answer and contains instances that ended recently. `events`
 *   only makes it faster to hear of a change: it yields every event after the given sequence that is still kept, in
 *   order, then each new one at once (an exit within 50 ms), and never ends by itself. After any gap, a new connection or
 *   a `sequence` that jumps, the caller calls `list`.
 * - **Silence is a fault.** `events` throws `keeper.unreachable` when the other side said nothing, not even that it is
 *   alive, for 3 s. It returns without an error when `signal` aborts.
 *
 * `start` resolves when the process exists, not when it is ready, and rejects with `instance.start-failed`,
 * `artefact.missing`, `artefact.drifted`, `keeper.refused`, `state.unwritable` or `keeper.unreachable`. After the last one
 * the caller does not know whether it happened and repeats the same command. `stop` resolves when the process is gone,
 * also when it was gone before, and rejects with `resource.unknown` for an id that was never started (or ended so long ago
 * that it was forgotten), which a caller may take as gone. Aborting the signal stops the waiting, not the effect.
 */
export interface Driver {
  /** As in `spec.driver` of a workload. */
  readonly name: string;
  start(instance: InstanceStart, signal?: AbortSignal): Promise<ChildStatus>;
  stop(id: string, command: StopCommand, signal?: AbortSignal): Promise<ChildStatus>;
  /**
   * A new leader says that it leads, before it does anything else: from then on commands of an earlier epoch are refused,
   * also if this one has nothing to do. Rejects with `keeper.refused` when a later one leads.
   */
  raiseFence(epoch: number, signal?: AbortSignal): Promise<void>;
  /** For drills, and for processes that read something anew; rejects with `keeper.refused` when the process does not run. */
  signal(id: string, command: SignalCommand, signal?: AbortSignal): Promise<ChildStatus>;
  list(signal?: AbortSignal): Promise<readonly ChildStatus[]>;
  events(afterSequence: number, signal: AbortSignal): AsyncIterable<KeeperEvent>;
}
