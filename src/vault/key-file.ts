import { constants, readdirSync } from 'node:fs';
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncFolder } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { SLOT_BYTES } from './key-slot.ts';

/**
 * The slots of one epoch in one file, `keys-<epoch>`: a header of the size of a slot, then the slots. New ones are written
 * behind the last; one is destroyed by zeros in its place.
 *
 *   magic 4 | epoch 4 | begin of the epoch in ms since 1970 8 | crc32 of all before 4 | zeros
 */
const MAGIC = Buffer.from([0xf1, 0x4b, 0x45, 0x31]);
const CRC_AT = 16;
const SYNCED = constants.O_RDWR | (constants.O_DSYNC ?? constants.O_SYNC);

export interface KeyFile {
  readonly epoch: number;
  readonly startedAt: number;
  /** All slots at this moment, side by side. */
  slots(): Promise<Buffer>;
  slot(number: number): Promise<Buffer>;
  /** Writes slots durably behind the last; resolves with the number of the first. Calls must not overlap. */
  append(slots: readonly Buffer[]): Promise<number>;
  /** Overwrites slots with zeros, durably. */
  erase(numbers: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/** Where the keys of an epoch are. */
export function keyFilePath(dir: string, epoch: number): string {
  return join(dir, `keys-${epoch}`);
}

/** The epochs that have a file, in ascending order: more than one only when a rotation was cut off. */
export function listKeyFiles(dir: string): number[] {
  const found = readdirSync(dir).flatMap((name) => /^keys-(\d+)$/.exec(name)?.[1] ?? []);
  return found.map(Number).toSorted((a, b) => a - b);
}

/** Makes the file of an epoch with these slots: all of it is there, durably, or nothing. */
export async function createKeyFile(
  dir: string,
  { epoch, startedAt, slots }: { readonly epoch: number; readonly startedAt: number; readonly slots: Buffer },
): Promise<KeyFile> {
  const path = keyFilePath(dir, epoch);
  const header = Buffer.alloc(SLOT_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(epoch, 4);
  header.writeBigUInt64BE(BigInt(startedAt), 8);
  header.writeUInt32BE(crc32(header.subarray(0, CRC_AT)), CRC_AT);
  const file = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await file.writev([header, slots]);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  syncFolder(dirname(path));
  return await openKeyFile(dir, epoch);
}

/** Throws `vault.unreadable` when the file is not one of this epoch. */
export async function openKeyFile(dir: string, epoch: number): Promise<KeyFile> {
  const path = keyFilePath(dir, epoch);
  const bytes = await readFile(path);
  const isOurs = bytes.length >= SLOT_BYTES && bytes.subarray(0, MAGIC.length).equals(MAGIC);
  if (!isOurs || bytes.readUInt32BE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT)) || bytes.readUInt32BE(4) !== epoch) {
    throw new KinError('vault.unreadable', `${path} is not a file of keys`, { details: { path } });
  }
  const file = await open(path, SYNCED);
  return new SlotFile(file, { path, epoch, startedAt: Number(bytes.readBigUInt64BE(8)), length: bytes.length });
}

interface Opened {
  readonly path: string;
  readonly epoch: number;
  readonly startedAt: number;
  readonly length: number;
}

class SlotFile implements KeyFile {
  readonly epoch: number;
  readonly startedAt: number;
  readonly #file: FileHandle;
  readonly #path: string;
  #count: number;

  constructor(file: FileHandle, { path, epoch, startedAt, length }: Opened) {
    this.#file = file;
    this.#path = path;
    this.epoch = epoch;
    this.startedAt = startedAt;
    // Half a slot at the end was cut off before anybody used its key; the next one is written over it.
    this.#count = Math.floor(length / SLOT_BYTES) - 1;
  }

  async slots(): Promise<Buffer> {
    return (await readFile(this.#path)).subarray(SLOT_BYTES, (1 + this.#count) * SLOT_BYTES);
  }

  async slot(number: number): Promise<Buffer> {
    const bytes = Buffer.alloc(SLOT_BYTES);
    await this.#file.read(bytes, 0, SLOT_BYTES, (1 + number) * SLOT_BYTES);
    return bytes;
  }

  async append(slots: readonly Buffer[]): Promise<number> {
    const first = this.#count;
    await this.#write(Buffer.concat(slots), first);
    this.#count += slots.length;
    return first;
  }

  async erase(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) await this.#write(Buffer.alloc(SLOT_BYTES), number);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #write(bytes: Buffer, slot: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const at = (1 + slot) * SLOT_BYTES + done;
        done += (await this.#file.write(bytes, done, bytes.length - done, at)).bytesWritten;
      }
    } catch (cause) {
      throw new KinError('state.unwritable', `cannot write ${this.#path}`, { cause, details: { path: this.#path } });
    }
  }
}
