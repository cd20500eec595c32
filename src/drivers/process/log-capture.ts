import {
  appendFileSync,
  closeSync,
  type FSWatcher,
  ftruncateSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Clock, toIso } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

/** Size at which a log is rotated and a consumed raw file is emptied. */
export const LOG_BYTES_MAX = 4 * 1024 * 1024;
/** Rotated logs that are kept: `<id>.log.1` and `<id>.log.2`. */
const LOGS_KEPT = 2;
/** A line that is longer is cut into several. */
const LINE_BYTES_MAX = 64 * 1024;
const LAST_LINES_MAX = 20;
const LAST_LINES_BYTES_MAX = 4096;
const CHUNK_BYTES = 256 * 1024;
/** Changes within this time are read together. */
const GATHER_MS = 20;
/** Between two looks where the system grants no more watches. */
const LOOK_MS = 1_000;

/** The files of one child's output. */
export function logFiles(folder: string, id: string) {
  return {
    /** What the process writes, unchanged. */
    raw: join(folder, `${id}.raw`),
    /** Lines with time and id; the older ones have `.1` and `.2` at the end. */
    log: join(folder, `${id}.log`),
    /** How many bytes of `raw` are in `log`, so that the next keeper goes on there. */
    offset: join(folder, `${id}.offset`),
  };
}

/** Removes every log of a child that is forgotten. */
export function removeLogs(folder: string, id: string): void {
  const { raw, log, offset } = logFiles(folder, id);
  for (const path of [raw, offset, log, `${log}.1`, `${log}.2`]) rmSync(path, { force: true });
}

/** The newest `count` lines of a child's log, oldest first; undefined when it has none. */
export function readLogTail(folder: string, id: string, count: number): readonly string[] | undefined {
  const { log } = logFiles(folder, id);
  let lines: string[] | undefined;
  for (const path of [log, `${log}.1`, `${log}.2`]) {
    if ((lines?.length ?? 0) >= count || !statSync(path, { throwIfNoEntry: false })) continue;
    lines = [...readFileSync(path, 'utf8').split('\n').slice(0, -1), ...(lines ?? [])];
  }
  return lines?.slice(Math.max(0, lines.length - count));
}

/**
 * Follows what a child writes into its raw file and appends it, line by line with time and id, to its log. A line may
 * appear twice after the keeper was killed, and is lost only if it was written in the instant in which a raw file of
 * more than 4 MiB is emptied. Faults of the disk are logged and never reach the child.
 */
export class LogCapture {
  readonly #id: string;
  readonly #folder: string;
  readonly #files: ReturnType<typeof logFiles>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(line: string) => void>();
  #unwatch: (() => void) | undefined;
  #cancelRead: (() => void) | undefined;
  #offset: number;
  #recent: string[] = [];

  constructor(id: string, folder: string, clock: Clock, log: Log) {
    this.#id = id;
    this.#folder = folder;
    this.#files = logFiles(folder, id);
    this.#clock = clock;
    this.#log = log;
    this.#offset = readOffset(this.#files.offset);
  }

  /** The file that the child writes into. */
  get rawPath(): string {
    return this.#files.raw;
  }

  /** Begins to follow. `adopted` says that lines of this same life may already be in the log. */
  open(life: 'new' | 'adopted'): void {
    closeSync(openSync(this.#files.raw, 'a', 0o600));
    this.#recent = life === 'new' ? [] : this.#linesBefore();
    this.#unwatch ??= this.#watch();
    this.#readSoon();
  }

  /** Reads what is left, also a last line without an end, and stops following. */
  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#read('end');
  }

  /** The last lines of this life: at most 20, at most 4 KiB. */
  lastLines(): readonly string[] {
    const kept: string[] = [];
    let bytes = 0;
    for (const line of this.#recent.toReversed()) {
      bytes += Buffer.byteLength(line) + 1;
      if (bytes > LAST_LINES_BYTES_MAX) break;
      kept.unshift(line);
    }
    return kept;
  }

  /** Calls `listener` for each line as it is appended to the log, without its line end. Returns the way to stop. */
  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #watch(): () => void {
    let watcher: FSWatcher;
    try {
      watcher = watch(this.#files.raw, { persistent: false }, () => this.#readSoon());
    } catch (error) {
      this.#log.warn({ id: this.#id, reason: describeError(error) }, 'output cannot be watched: looking now and then');
      return this.#clock.every(LOOK_MS, () => this.#readSoon());
    }
    watcher.on('error', () => {});
    return () => watcher.close();
  }

  #linesBefore(): string[] {
    const prefixWords = 2;
    const tail = readLogTail(this.#folder, this.#id, LAST_LINES_MAX) ?? [];
    return tail.map((line) => clip(line.split(' ').slice(prefixWords).join(' ')));
  }

  #readSoon(): void {
    this.#cancelRead ??= this.#clock.after(GATHER_MS, () => this.#read('more'));
  }

  #read(expect: 'more' | 'end'): void {
    this.#cancelRead?.();
    this.#cancelRead = undefined;
    try {
      this.#consume(expect);
    } catch (error) {
      this.#log.error({ id: this.#id, reason: describeError(error) }, 'output not captured');
    }
  }

  #consume(expect: 'more' | 'end'): void {
    const raw = openSync(this.#files.raw, 'r+');
    const before = this.#offset;
    try {
      if (fstatSync(raw).size < this.#offset) this.#offset = 0;
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (;;) {
        const length = readSync(raw, buffer, 0, buffer.length, this.#offset);
        const used = this.#take(buffer.subarray(0, length), expect === 'end' && length < buffer.length);
        if (used === 0) break;
        this.#offset += used;
      }
      this.#emptyWhenLarge(raw);
    } finally {
      closeSync(raw);
    }
    if (this.#offset !== before) writeFileSync(this.#files.offset, `${this.#offset}\n`, { mode: 0o600 });
  }

  #emptyWhenLarge(raw: number): void {
    if (this.#offset <= LOG_BYTES_MAX || fstatSync(raw).size !== this.#offset) return;
    ftruncateSync(raw, 0);
    this.#offset = 0;
  }

  /** Appends the whole lines of a chunk; returns how many bytes were used. */
  #take(chunk: Buffer, last: boolean): number {
    const lines: string[] = [];
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(10, start);
      const whole = end >= 0 ? end : chunk.length;
      if (end < 0 && !last && whole - start < LINE_BYTES_MAX) break;
      const cut = Math.min(whole, start + LINE_BYTES_MAX);
      lines.push(chunk.subarray(start, cut).toString('utf8'));
      start = cut === end ? end + 1 : cut;
    }
    if (lines.length > 0) this.#append(lines);
    return start;
  }

  #append(lines: readonly string[]): void {
    const prefix = `${toIso(this.#clock.now())} ${this.#id} `;
    const stamped = lines.map((line) => prefix + line);
    const text = `${stamped.join('\n')}\n`;
    this.#rotateFor(Buffer.byteLength(text));
    appendFileSync(this.#files.log, text, { mode: 0o600 });
    this.#recent = [...this.#recent, ...lines.slice(-LAST_LINES_MAX).map(clip)].slice(-LAST_LINES_MAX);
    for (const listener of this.#listeners) for (const line of stamped) listener(line);
  }

  #rotateFor(bytes: number): void {
    const { log } = this.#files;
    const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
    if (size === 0 || size + bytes <= LOG_BYTES_MAX) return;
    for (let age = LOGS_KEPT - 1; age >= 1; age--) {
      if (statSync(`${log}.${age}`, { throwIfNoEntry: false })) renameSync(`${log}.${age}`, `${log}.${age + 1}`);
    }
    renameSync(log, `${log}.1`);
  }
}

/** A line so short that one of it always fits into the report. */
function clip(line: string): string {
  const bytes = Buffer.from(line);
  return bytes.length < 4000 ? line : bytes.subarray(0, 4000).toString('utf8');
}

function readOffset(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || 0;
  } catch {
    return 0;
  }
}
