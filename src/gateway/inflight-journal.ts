import { closeSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { RequestKey } from './request-key.ts';

/** A request that was with an instance when something ended. */
export interface LostRequest extends RequestKey {
  readonly instance: string;
  readonly version: number;
}

const SLOT_BYTES = 512;
const SLOTS_MAX = 4_096;
const FREE = Buffer.from('\0');

/**
 * Which requests are with which instance, written down before they are sent, so that a request that kills whoever gets it
 * can be found afterwards, also when this process dies with the instance. One slot a request; a slot is written whole,
 * by one call, and freed by its first byte. What is not written (more requests than slots, a line that is too long) is
 * only not found: the journal never keeps a request from being served.
 */
export class InflightJournal {
  readonly #file: number;
  readonly #free: number[] = [];
  #slots = 0;
  #isBroken = false;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Opens the journal and gives back what was in flight when a former process died. Throws the file system's errors. */
  static open(path: string): { journal: InflightJournal; lost: readonly LostRequest[] } {
    const file = openSync(path, 'a+', 0o600);
    const lost = fstatSync(file).size > 0 ? readSlots(readFileSync(path)) : [];
    closeSync(file);
    return { journal: new InflightJournal(openSync(path, 'w', 0o600)), lost };
  }

  /** Writes the request down; gives the slot to free when it is over, or undefined when there was no place. */
  begin(request: LostRequest): number | undefined {
    const line = Buffer.from(`${JSON.stringify(request)}\n`);
    if (line.length > SLOT_BYTES) return undefined;
    const slot = this.#free.pop() ?? (this.#slots < SLOTS_MAX ? this.#slots++ : undefined);
    if (slot === undefined) return undefined;
    this.#write(line, slot);
    return slot;
  }

  end(slot: number | undefined): void {
    if (slot === undefined) return;
    this.#write(FREE, slot);
    this.#free.push(slot);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** A full disk takes away the finding of poison across a crash of this process, and nothing else. */
  #write(bytes: Buffer, slot: number): void {
    if (this.#isBroken) return;
    try {
      writeSync(this.#file, bytes, 0, bytes.length, slot * SLOT_BYTES);
    } catch {
      this.#isBroken = true;
    }
  }
}

function readSlots(bytes: Buffer): readonly LostRequest[] {
  const lost: LostRequest[] = [];
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    if (bytes[at] === 0) continue;
    const end = bytes.indexOf('\n', at);
    const request = parse(bytes.toString('utf8', at, end < 0 ? bytes.length : Math.min(end, at + SLOT_BYTES)));
    if (request) lost.push(request);
  }
  return lost;
}

function parse(text: string): LostRequest | undefined {
  try {
    const value = JSON.parse(text) as LostRequest;
    return typeof value?.fingerprint === 'string' && typeof value.instance === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
