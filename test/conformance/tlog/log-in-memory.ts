import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { formatCheckpoint } from '../../../src/ledger/tlog/checkpoint.ts';
import { encodeBundle } from '../../../src/ledger/tlog/entry-bundle.ts';
import type { LogSource } from '../../../src/ledger/tlog/log-source.ts';
import { noteKey, type SignatureKind } from '../../../src/ledger/tlog/note-key.ts';
import { type NoteSigner, signNote } from '../../../src/ledger/tlog/signed-note.ts';
import { TILE_WIDTH, tilePath, widthIn } from '../../../src/ledger/tlog/tile.ts';

/** RFC 6962 word by word, as the second opinion on everything that is computed in another way. */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.from([1]), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

export function naiveLeaf(entry: Uint8Array): Buffer {
  return sha256(Buffer.from([0]), entry);
}

function sha256(...parts: Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

export function newSigner(name: string, kind: SignatureKind = 'ed25519'): NoteSigner {
  const { privateKey } = kind === 'ml-dsa-44' ? generateKeyPairSync('ml-dsa-44') : generateKeyPairSync('ed25519');
  return { key: noteKey(name, createPublicKey(privateKey), kind), privateKey };
}

export function textEntries(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => Buffer.from(`entry ${n} ${'x'.repeat(n % 11)}`));
}

/** A signed checkpoint of a tree over some entries. */
export function signedHead(entries: readonly Buffer[], ...signers: readonly NoteSigner[]): string {
  const origin = signers[0]!.key.name;
  const head = { origin, size: entries.length, root: naiveRoot(entries.map(naiveLeaf)) };
  return signNote(formatCheckpoint(head), signers, 1_800_000_000);
}

/** The public files of a log as C2SP tlog-tiles defines them, made from the definition. */
export function publicFiles(entries: readonly Buffer[], ...signers: readonly NoteSigner[]): Map<string, Buffer> {
  const files = new Map<string, Buffer>([['checkpoint', Buffer.from(signedHead(entries, ...signers))]]);
  const put = (level: number | 'entries', content: (from: number, to: number) => Buffer) => {
    for (let index = 0; widthIn(level, index, entries.length) > 0; index += 1) {
      const width = widthIn(level, index, entries.length);
      files.set(tilePath({ level, index, width }), content(index * TILE_WIDTH, index * TILE_WIDTH + width));
    }
  };
  put('entries', (from, to) => encodeBundle(entries.slice(from, to)));
  let hashes: readonly Buffer[] = entries.map(naiveLeaf);
  for (let level = 0; hashes.length > 0; level += 1) {
    const own = hashes;
    put(level, (from, to) => Buffer.concat(own.slice(from, to)));
    hashes = Array.from({ length: Math.floor(own.length / TILE_WIDTH) }, (_, at) =>
      naiveRoot(own.slice(at * TILE_WIDTH, (at + 1) * TILE_WIDTH)),
    );
  }
  return files;
}

export function sourceOf(files: ReadonlyMap<string, Uint8Array>): LogSource {
  return { read: async (path) => files.get(path) };
}
