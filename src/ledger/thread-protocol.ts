import type { ErrorCode } from '../base/error-catalogue.ts';
import { describeError, type ErrorDetails, KinError } from '../base/errors.ts';
import type { PayloadPlace, Recovered } from './entry-store.ts';
import type { SignedCheckpoint } from './ledger-directory.ts';
import type { StorageChoice } from './ledger-storage.ts';
import type { PackedTier } from './segment-file.ts';

/** What the thread of a ledger is started with. */
export interface ThreadStart {
  readonly dir: string;
  readonly segmentBytes: number | undefined;
  readonly storage: StorageChoice | undefined;
}

/** A signed checkpoint without what can be read in it. */
export type SignedNote = Pick<SignedCheckpoint, 'note' | 'timeS'>;

/** What the other side may know without asking; sent whenever it may have changed. */
export interface Levels {
  readonly first: number;
  readonly prunedMs: number;
  readonly size: number;
  readonly bytes: number;
  readonly treeSize: number;
  readonly commits: number;
  readonly fault: string | undefined;
  readonly recovered: Recovered | undefined;
  /** When it is another than was told before. */
  readonly signed: SignedNote | undefined;
}

/** A question to the thread: a name and what it takes. */
export type Question =
  | { readonly ask: 'sign'; readonly nowMs: number }
  | { readonly ask: 'read'; readonly from: number; readonly limit: number }
  | { readonly ask: 'payloadsOf'; readonly index: number }
  | { readonly ask: 'erasePayloads'; readonly places: readonly PayloadPlace[] }
  | { readonly ask: 'indexOf'; readonly id: string }
  | { readonly ask: 'inclusionProof'; readonly index: number; readonly size: number }
  | { readonly ask: 'consistencyProof'; readonly oldSize: number; readonly newSize: number }
  | { readonly ask: 'rootAt'; readonly size: number }
  | { readonly ask: 'kept'; readonly level: number; readonly index: number; readonly count: number }
  | { readonly ask: 'prune'; readonly first: number; readonly latestMs: number }
  | { readonly ask: 'damagedPayload'; readonly from: number; readonly to: number }
  | { readonly ask: 'segments' }
  | { readonly ask: 'pack'; readonly first: number; readonly tier: PackedTier }
  | { readonly ask: 'forgetRead' }
  | { readonly ask: 'settleRecovery' }
  | { readonly ask: 'close'; readonly nowMs: number };

export type ToThread =
  | { readonly kind: 'append'; readonly chunk: Uint8Array<ArrayBuffer>; readonly used: number }
  | { readonly kind: 'question'; readonly id: number; readonly question: Question };

export type FromThread =
  | { readonly kind: 'opened'; readonly vkey: string; readonly levels: Levels }
  | { readonly kind: 'not-opened'; readonly fault: Fault }
  | {
      /** Chunks are answered in the order in which they came; their memory comes back. */
      readonly kind: 'appended';
      readonly chunk: Uint8Array<ArrayBuffer>;
      /** The index of the first entry, when all follow each other; else the index of each. */
      readonly indices: number | readonly number[];
      readonly levels: Levels;
    }
  | {
      readonly kind: 'not-appended';
      readonly chunk: Uint8Array<ArrayBuffer>;
      readonly fault: Fault;
      readonly levels: Levels;
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown; readonly levels: Levels }
  | { readonly kind: 'refused'; readonly id: number; readonly fault: Fault; readonly levels: Levels };

/** An error that crosses threads. */
export interface Fault {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly cause: string | undefined;
}

export function faultOf(error: unknown): Fault {
  if (!(error instanceof KinError)) {
    return { code: undefined, message: describeError(error), details: {}, cause: undefined };
  }
  const { code, message, details, cause } = error;
  return { code, message, details, cause: cause === undefined ? undefined : describeError(cause) };
}

export function errorOf({ code, message, details, cause }: Fault): Error {
  if (code === undefined) return new Error(message);
  return new KinError(code, message, { details, ...(cause === undefined ? {} : { cause: new Error(cause) }) });
}

/** Buffers side by side in memory of their own, which can change hands. */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

export function pack(parts: readonly Uint8Array[]): Packed {
  const lengths = parts.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, lengths };
}

export function unpack({ bytes, lengths }: Packed): Buffer[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return all.subarray(at - length, at);
  });
}
