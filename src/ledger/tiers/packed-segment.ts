import { promisify } from 'node:util';
import { constants, crc32, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { type FrameSpan, readHeader } from '../frame.ts';
import { type PackedTier, tamperedSegment } from '../segment-file.ts';

/**
 * A packed segment is a row of packs. Each holds frames that follow each other: their headers and entries compressed (zstd),
 * then their payload sections as they were, so that a payload is erased where it lies as in any other segment. Numbers are
 * big-endian.
 *
 *   magic 4 | index of the first entry 8 | entries 4 | headers and entries: length 4, compressed length 4,
 *   crc32 of the compressed bytes 4 | length of the payload sections 4 | crc32 of the header so far 4
 *
 * Unpacked, it is byte by byte the segment that was packed: offsets, checksums and hashes are those of before.
 */
export const PACK_HEADER_BYTES = 36;
/** Not UTF-8, and of no frame. */
const MAGIC = Buffer.from([0xf1, 0x4b, 0x50, 0x31]);
/** More than anybody packs. A header that claims more is none: nobody takes memory on its word. */
const PLAIN_BYTES_MAX = 64 * 1024 * 1024;

/** Larger packs are smaller on disk and slower to read from (0022). */
const PACKING: Readonly<Record<PackedTier, { readonly level: number; readonly plainBytes: number }>> = {
  warm: { level: 3, plainBytes: 256 * 1024 },
  cold: { level: 19, plainBytes: 1024 * 1024 },
};

const compress = promisify(zstdCompress);

/** Where a pack and its parts lie in its file, and what is in it. */
export interface PackSpan {
  readonly at: number;
  readonly first: number;
  readonly count: number;
  readonly plainBytes: number;
  readonly packedAt: number;
  readonly payloadsAt: number;
  readonly end: number;
  /** Of the frames as they were written, with their payloads. */
  readonly framesBytes: number;
}

/** Frames as they were written, and where the payload sections among them lie in the packed file. */
export interface Unpacked {
  readonly frames: Buffer;
  readonly sections: readonly { readonly at: number; readonly fileAt: number; readonly length: number }[];
}

/** The packs of a segment, one after the other; a caller that takes its time spreads the work. */
export async function* packsOf(
  segment: Buffer,
  frames: readonly FrameSpan[],
  tier: PackedTier,
): AsyncGenerator<Buffer, void> {
  const { level, plainBytes } = PACKING[tier];
  let group: FrameSpan[] = [];
  let bytes = 0;
  for (const [position, frame] of frames.entries()) {
    group.push(frame);
    bytes += frame.payloadsAt - frame.offset;
    if (bytes < plainBytes && position < frames.length - 1) continue;
    yield await encodePack(segment, group, level);
    group = [];
    bytes = 0;
  }
}

async function encodePack(segment: Buffer, frames: readonly FrameSpan[], level: number): Promise<Buffer> {
  const plain = Buffer.concat(frames.map(({ offset, payloadsAt }) => segment.subarray(offset, payloadsAt)));
  const payloads = Buffer.concat(frames.map(({ payloadsAt, end }) => segment.subarray(payloadsAt, end)));
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  // Knowing the size, it takes no more memory than that needs.
  const packed = await compress(plain, { params, pledgedSrcSize: plain.length });
  const header = Buffer.alloc(PACK_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(BigInt(frames[0]!.first), 4);
  header.writeUInt32BE(
    frames.reduce((sum, { count }) => sum + count, 0),
    12,
  );
  header.writeUInt32BE(plain.length, 16);
  header.writeUInt32BE(packed.length, 20);
  header.writeUInt32BE(crc32(packed), 24);
  header.writeUInt32BE(payloads.length, 28);
  header.writeUInt32BE(crc32(header.subarray(0, 32)), 32);
  return Buffer.concat([header, packed, payloads]);
}

/** The pack whose header is given, as it lies at `at` of its file; undefined when that is no header. */
export function packAt(header: Buffer, at: number): PackSpan | undefined {
  if (header.length < PACK_HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(header.subarray(0, 32)) !== header.readUInt32BE(32)) return undefined;
  const [plainBytes, packedBytes] = [header.readUInt32BE(16), header.readUInt32BE(20)];
  const payloadsBytes = header.readUInt32BE(28);
  if (Math.max(plainBytes, packedBytes, payloadsBytes) > PLAIN_BYTES_MAX) return undefined;
  const packedAt = at + PACK_HEADER_BYTES;
  const payloadsAt = packedAt + packedBytes;
  return {
    at,
    first: Number(header.readBigUInt64BE(4)),
    count: header.readUInt32BE(12),
    plainBytes,
    packedAt,
    payloadsAt,
    end: payloadsAt + payloadsBytes,
    framesBytes: plainBytes + payloadsBytes,
  };
}

/** The frames in a pack; undefined when it is not as it was written. Payloads are not looked at. */
export function unpack(pack: Buffer, span: PackSpan): Unpacked | undefined {
  const packed = pack.subarray(PACK_HEADER_BYTES, span.payloadsAt - span.at);
  if (pack.length !== span.end - span.at || crc32(packed) !== pack.readUInt32BE(24)) return undefined;
  const plain = plainOf(packed, span.plainBytes);
  if (!plain) return undefined;
  const parts: Buffer[] = [];
  const sections: { at: number; fileAt: number; length: number }[] = [];
  let fileAt = span.payloadsAt;
  let at = 0;
  for (let from = 0; from < plain.length; ) {
    const frame = readHeader(plain, from);
    if (!frame || frame.payloadsAt > plain.length) return undefined;
    const length = frame.end - frame.payloadsAt;
    parts.push(plain.subarray(from, frame.payloadsAt), pack.subarray(fileAt - span.at, fileAt - span.at + length));
    at += frame.payloadsAt - from;
    if (length > 0) sections.push({ at, fileAt, length });
    at += length;
    fileAt += length;
    from = frame.payloadsAt;
  }
  return fileAt === span.end ? { frames: Buffer.concat(parts), sections } : undefined;
}

function plainOf(packed: Buffer, plainBytes: number): Buffer | undefined {
  try {
    const plain = zstdDecompressSync(packed, { maxOutputLength: Math.max(1, plainBytes) });
    return plain.length === plainBytes ? plain : undefined;
  } catch {
    return undefined;
  }
}

/** The segment as it was before it was packed. Throws `ledger.tampered` for a file that nobody packed so. */
export function unpackSegment(file: Buffer, name: string, first: number): Buffer {
  const parts: Buffer[] = [];
  let next = first;
  for (let at = 0; at < file.length; ) {
    const span = packAt(file.subarray(at, at + PACK_HEADER_BYTES), at);
    const unpacked = span?.first === next ? unpack(file.subarray(at, span.end), span) : undefined;
    if (!span || !unpacked) throw tamperedSegment(name, 'a pack is not as it was written', { index: next, offset: at });
    parts.push(unpacked.frames);
    next += span.count;
    at = span.end;
  }
  return Buffer.concat(parts);
}
