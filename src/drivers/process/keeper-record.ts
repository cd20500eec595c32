import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { readJsonFile, writeDurably } from '../../base/durable-file.ts';
import { describeError, KinError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ChildStatus } from './protocol.ts';

/** What the keeper remembers of a child. The environment is not in it: it holds secrets. */
export interface ChildRecord {
  readonly status: ChildStatus;
  /** With `status.pid` the identity of the process; null from the intent to start until it exists. */
  readonly startTime: string | null;
  /** Of command, folder and environment, so that a child is recognised that runs with other ones than asked for. */
  readonly specDigest: string;
}

/** All that must outlive the keeper. */
export interface KeeperRecord {
  /** Highest epoch of a leader that was seen. */
  readonly epoch: number;
  /** Number of the last event that was emitted before this was written. */
  readonly sequence: number;
  readonly stopOrder: Readonly<Record<string, number>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly children: readonly ChildRecord[];
}

const exitSchema = z.object({
  at: z.string(),
  code: z.int().nullable(),
  signal: z.string().nullable(),
  expected: z.boolean(),
  lastLines: z.array(z.string()),
});

const statusSchema = z.object({
  id: z.string(),
  role: z.enum(['system', 'instance']),
  state: z.enum(['starting', 'running', 'stopping', 'exited', 'failed']),
  workload: z.string(),
  version: z.int(),
  region: z.string(),
  host: z.string(),
  port: z.int(),
  pid: z.int().nullable(),
  startedAt: z.string().nullable(),
  exit: exitSchema.nullable(),
  restarts: z.int(),
  limitsEnforced: z.boolean(),
  hung: z.object({ at: z.string(), times: z.int() }).optional(),
}) satisfies z.ZodType<ChildStatus>;

const recordSchema = z.object({
  epoch: z.int(),
  sequence: z.int(),
  stopOrder: z.record(z.string(), z.number()),
  ports: z.record(z.string(), z.number()),
  children: z.array(z.object({ status: statusSchema, startTime: z.string().nullable(), specDigest: z.string() })),
}) satisfies z.ZodType<KeeperRecord>;

const NOTHING: KeeperRecord = { epoch: 0, sequence: 0, stopOrder: {}, ports: {}, children: [] };

/** What the last keeper wrote; nothing when there was none. Throws `state.corrupt`: guessing an epoch would unfence. */
export function readKeeperRecord(path: string): KeeperRecord {
  try {
    const found = readJsonFile(path);
    return found === undefined ? NOTHING : recordSchema.parse(found);
  } catch (cause) {
    throw new KinError('state.corrupt', `cannot read ${path}`, { cause, details: { path } });
  }
}

/** Changes within this time are written together. */
const GATHER_MS = 25;

/** Writes the record: at once where the next step depends on it, soon where it does not. */
export class KeeperFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #compose: () => KeeperRecord;
  #cancel: (() => void) | undefined;

  constructor(options: { path: string; clock: Clock; log: Log; compose: () => KeeperRecord }) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#compose = options.compose;
  }

  /** Durable when it returns; throws `state.unwritable`. */
  save(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    writeDurably(this.#path, `${JSON.stringify(this.#compose())}\n`);
  }

  /** For what can be found out again by looking. A failure is logged. */
  saveSoon(): void {
    this.#cancel ??= this.#clock.after(GATHER_MS, () => this.trySave());
  }

  /** As `save`, but a failure is only logged. */
  trySave(): void {
    try {
      this.save();
    } catch (error) {
      this.#log.error({ reason: describeError(error) }, 'the keeper cannot write its record');
    }
  }
}
