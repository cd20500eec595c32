import { Pool } from 'undici';
import { Ejection } from './ejection.ts';
import type { InstanceEntry } from './routing-table.ts';

const CONNECT_TIMEOUT_MS = 1_000;
const CONNECTIONS_MAX = 256;
const SLOW_START_MS = 3_000;
const SLOW_START_FLOOR = 0.1;
const STALL_MS = 500;

/** A try that waits for the head of its answer. */
export interface WaitingTry {
  readonly startedMs: number;
}

/** One instance as this gateway knows it: its connections, what is in progress, and how it did lately. */
export class Instance {
  readonly entry: InstanceEntry;
  readonly pool: Pool;
  readonly ejection = new Ejection();
  readonly readySinceMs: number;
  inflight = 0;
  /** Of any tenant; the latest head that arrived. */
  lastAnswerMs = Number.NEGATIVE_INFINITY;
  /** In the order of their start. */
  readonly waiting = new Set<WaitingTry>();

  constructor(entry: InstanceEntry, readySinceMs: number) {
    this.entry = entry;
    this.readySinceMs = readySinceMs;
    this.pool = new Pool(`http://${entry.host.includes(':') ? `[${entry.host}]` : entry.host}:${entry.port}`, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      // Deadlines are the gateway's own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** What is in progress, counted more heavily while the instance is new: caches are cold and pools empty. */
  load(nowMs: number): number {
    const ramp = Math.min(1, Math.max(SLOW_START_FLOOR, (nowMs - this.readySinceMs) / SLOW_START_MS));
    return (this.inflight + 1) / ramp;
  }

  /** When it stopped answering: the start of its oldest waiting try, if nothing was answered for half a second. */
  silentSinceMs(nowMs: number): number | undefined {
    const [oldest] = this.waiting;
    if (!oldest || nowMs - oldest.startedMs < STALL_MS || nowMs - this.lastAnswerMs < STALL_MS) return undefined;
    return oldest.startedMs;
  }
}
