import type { ModelNode } from '../ledger-disk/model-disk.ts';

/**
 * What the Linux kernel and a file system in user space say to each other over /dev/fuse (linux/fuse.h, version 7.31): as much
 * as a ledger needs. Numbers are those of this machine, which is little-endian.
 */
const HEADER_BYTES = 40;
const ANSWER_BYTES = 16;
const WRITE_BYTES_MAX = 128 * 1024;
/** A request with as many bytes as may be written at once. */
export const REQUEST_BYTES_MAX = WRITE_BYTES_MAX + 4096;

export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  rename2: 45,
} as const;

export const ERRNO = { ENOENT: 2, EIO: 5, ENOSPC: 28, EROFS: 30, ENOSYS: 38 } as const;

export interface FuseRequest {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: number;
  readonly body: Buffer;
}

export function parseRequest(bytes: Buffer): FuseRequest {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: Number(bytes.readBigUInt64LE(16)),
    body: bytes.subarray(HEADER_BYTES),
  };
}

/** The answer to a request: bytes, or the number of an error. */
export function answerOf(unique: bigint, result: Buffer | number): Buffer {
  const body = typeof result === 'number' ? Buffer.alloc(0) : result;
  const head = Buffer.alloc(ANSWER_BYTES);
  head.writeUInt32LE(ANSWER_BYTES + body.length, 0);
  head.writeInt32LE(typeof result === 'number' ? -result : 0, 4);
  head.writeBigUInt64LE(unique, 8);
  return Buffer.concat([head, body]);
}

/** Names in a body, each ended by a zero. */
export function namesIn(body: Buffer): string[] {
  return body.toString('utf8').split('\0').slice(0, -1);
}

export function numbers(...values: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer {
  return Buffer.concat(
    values.map(([bytes, value]) => {
      const buffer = Buffer.alloc(bytes);
      if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value));
      else buffer.writeUIntLE(value, 0, bytes);
      return buffer;
    }),
  );
}

export function initAnswer(): Buffer {
  const flags = 0x20; // Writes may be larger than a page.
  const head = numbers([4, 7], [4, 31], [4, 0], [4, flags], [2, 16], [2, 12], [4, WRITE_BYTES_MAX], [4, 1]);
  return Buffer.concat([head, numbers([2, WRITE_BYTES_MAX / 4096], [2, 0]), Buffer.alloc(32)]);
}

function attributes(id: number, node: ModelNode): Buffer {
  const size = node.kind === 'file' ? node.now.length : 0;
  const mode = node.kind === 'file' ? 0o100600 : 0o40700;
  const times = Buffer.alloc(36);
  const head = numbers([8, id], [8, size], [8, Math.ceil(size / 512)]);
  return Buffer.concat([head, times, numbers([4, mode], [4, 1], [4, 0], [4, 0], [4, 0], [4, 4096], [4, 0])]);
}

/** Nothing that the kernel learns may be kept by it: the disk may be another after a power cut. */
export function entryAnswer(id: number, node: ModelNode): Buffer {
  return Buffer.concat([numbers([8, id], [8, 0], [8, 0], [8, 0], [4, 0], [4, 0]), attributes(id, node)]);
}

export function attributesAnswer(id: number, node: ModelNode): Buffer {
  return Buffer.concat([numbers([8, 0], [4, 0], [4, 0]), attributes(id, node)]);
}

export function openAnswer(): Buffer {
  return Buffer.alloc(16);
}

/** The names of a folder from `offset` on, as many as `bytesMax` holds. */
export function namesAnswer(names: readonly (readonly [string, number])[], offset: number, bytesMax: number): Buffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const [position, [name, id]] of names.entries()) {
    if (position < offset) continue;
    const text = Buffer.from(name);
    const head = numbers([8, id], [8, position + 1], [4, text.length], [4, 0]);
    const part = Buffer.concat([head, text], Math.ceil((head.length + text.length) / 8) * 8);
    bytes += part.length;
    if (bytes > bytesMax) break;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export function statfsAnswer(): Buffer {
  const blocks = 1_000_000;
  const counts = numbers([8, blocks], [8, blocks], [8, blocks], [8, blocks], [8, blocks]);
  return Buffer.concat([counts, numbers([4, 4096], [4, 255], [4, 4096], [4, 0]), Buffer.alloc(24)]);
}
