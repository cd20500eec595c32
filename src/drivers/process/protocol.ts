/**
 * What control and the keeper say to each other, over the keeper's Unix socket (`base/socket-http.ts`).
 *
 * - `GET  /v1/children` -> `ChildStatus[]`
 * - `PUT  /v1/children/:id` `StartCommand` -> `ChildStatus`. An id is started at most once in its life: the same id again
 *   answers with its present status and starts nothing, so a repeated command after a crash is harmless.
 * - `POST /v1/children/:id/stop` `StopCommand` -> `ChildStatus` when the process is gone. Stopping what is gone succeeds.
 * - `POST /v1/children/:id/signal` `SignalCommand` -> `ChildStatus` (for drills: SIGSTOP, SIGCONT, SIGKILL). Also for
 *   Kintsugi's own processes, whose ids are `postgres`, `ledger`, `control`, `gateway-1`...
 * - `GET  /v1/events?after=SEQUENCE` -> NDJSON stream of `KeeperEvent`: those after the number that are still kept (the
 *   last 10,000), then each new one at once, and an empty line every second so that a silent keeper is noticed.
 * - `PUT  /v1/epoch` `EpochCommand` -> 204; a new leader says that it leads, before it does anything else.
 * - `POST /v1/down` -> 202; stops everything in order: gateways, control, instances (dependants first), ledger, postgres.
 * - `PUT  /v1/order` `StopOrder` -> 204; which instances stop first on the way down. Kept until the next one.
 * - `GET  /v1/logs/:id?lines=100&follow=true` -> text; the newest lines of a child's log, then each new one.
 * - `GET  /metrics`, `/livez`, `/readyz`.
 *
 * `PUT`, `stop` and `epoch` carry the leader's epoch. The keeper remembers the highest it has seen (on disk) and refuses lower
 * ones with `keeper.refused`: a former leader that wakes up cannot act.
 */

export interface ProcessSpec {
  /** Argument vector; `node` as the first word means the Node that runs Kintsugi. No shell. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment of the process besides PATH, HOME, LANG and TZ. Secrets are in here and never in `command`. */
  readonly env: Readonly<Record<string, string>>;
  /** Resource limits by cgroup where the system grants them. */
  readonly limits: { readonly memoryMiB?: number; readonly cpus?: number; readonly pids?: number };
}

export interface StartCommand {
  readonly epoch: number;
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  /** Loopback address that stands for the region, for example 127.0.1.1. */
  readonly host: string;
  /** Port to hand in as PORT; 0 lets the keeper choose a free one below the ephemeral range. */
  readonly port: number;
  readonly spec: ProcessSpec;
  /** Artefact whose digest is measured before the start; a difference refuses the start with `artefact.drifted`. */
  readonly artefact: { readonly path: string; readonly digest: string };
}

export interface StopCommand {
  readonly epoch: number;
  readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
  /** From the signal to SIGKILL. 0 kills at once. */
  readonly killAfterMs: number;
  readonly reason: string;
}

/** From then on commands of an earlier epoch are refused. */
export interface EpochCommand {
  readonly epoch: number;
}

/** Rank by workload: instances of a lower rank stop first (those that depend on others); without a rank it is 0. */
export type StopOrder = Readonly<Record<string, number>>;

export interface SignalCommand {
  readonly signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL' | 'SIGTERM' | 'SIGHUP';
  readonly reason: string;
}

/** `system` is one of Kintsugi's own processes; the keeper restarts those by itself, and only those. */
export type ChildRole = 'system' | 'instance';

export interface ChildStatus {
  readonly id: string;
  readonly role: ChildRole;
  readonly state: 'starting' | 'running' | 'stopping' | 'exited' | 'failed';
  /** Empty for system processes. */
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number | null;
  readonly startedAt: string | null;
  readonly exit: ExitReport | null;
  /** How often the keeper restarted it (system processes). */
  readonly restarts: number;
  readonly limitsEnforced: boolean;
  /** When the keeper killed it last because it hung, and how often it did (system processes); left out: never. */
  readonly hung?: { readonly at: string; readonly times: number } | undefined;
}

export interface ExitReport {
  readonly at: string;
  /** Null for a process that was adopted: only its parent could have asked. */
  readonly code: number | null;
  readonly signal: string | null;
  /** True when it was told to stop. */
  readonly expected: boolean;
  /** Last lines that it wrote, at most 20 lines and 4 KiB, for the story of the incident. */
  readonly lastLines: readonly string[];
}

export interface KeeperEvent {
  readonly sequence: number;
  readonly at: string;
  readonly type: 'started' | 'exited' | 'failed' | 'adopted';
  readonly child: ChildStatus;
}
