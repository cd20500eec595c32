import { createHash } from 'node:crypto';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { verifyConsistency } from './merkle-proof.ts';
import { emptyRoot } from './merkle-tree.ts';
import type { NoteKey } from './note-key.ts';
import { keepSignatures, type NoteSigner, openNote, signatureLine, textOfNote } from './signed-note.ts';
import { parseAddCheckpoint, SIZE_TYPE } from './witness-request.ts';

/** What a witness remembers: of each log the note that it cosigned last. Both calls are synchronous, so that no second
 * request comes between the look and the write. */
export interface WitnessMemory {
  load(origin: string): string | undefined;
  /** Returns when the note will survive a power cut; throws when that cannot be had, and then nothing is cosigned. */
  save(origin: string, note: string): void;
}

export interface WitnessOptions {
  /** The witness's own keys, of a kind that cosigns. */
  readonly signers: readonly NoteSigner[];
  /** The logs that it watches; the name of a key is the origin of its log. */
  readonly logs: readonly NoteKey[];
  readonly memory: WitnessMemory;
  /** Seconds since 1970. */
  readonly nowS: () => number;
}

/** An HTTP answer. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: string;
  readonly body: string;
}

const TEXT_TYPE = 'text/plain; charset=utf-8';

/**
 * A witness by C2SP tlog-witness: it cosigns a checkpoint when that continues the one that it cosigned last, and thereby
 * vouches that it never saw two histories of a log.
 */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #origins: ReadonlyMap<string, string>;

  constructor(options: WitnessOptions) {
    this.#options = options;
    const origins = options.logs.map(({ name }) => name);
    this.#origins = new Map(origins.map((origin) => [createHash('sha256').update(origin).digest('hex'), origin]));
  }

  /** Answers the body of an `add-checkpoint`. Throws only what its memory throws, or when that holds no note of its own. */
  addCheckpoint(body: string): WitnessAnswer {
    const request = parseAddCheckpoint(body);
    const checkpoint = parseCheckpoint((request && textOfNote(request.note)) ?? '');
    if (!request || !checkpoint) return refusal(400, 'the request is malformed');
    const keys = this.#options.logs.filter(({ name }) => name === checkpoint.origin);
    if (keys.length === 0) return refusal(404, 'the log is not known here');
    const opened = openNote(request.note, keys);
    if (opened.kind === 'rejected') return refusal(403, opened.reason);
    if (request.oldSize > checkpoint.size) return refusal(400, 'the old size is larger than the checkpoint');
    const seen = this.#seen(checkpoint.origin);
    if (request.oldSize !== seen.size) return { status: 409, contentType: SIZE_TYPE, body: `${seen.size}\n` };
    if (checkpoint.size === seen.size && !checkpoint.root.equals(seen.root)) {
      return refusal(409, 'another tree of the same size was seen');
    }
    const growth = { oldSize: seen.size, oldRoot: seen.root, newSize: checkpoint.size, newRoot: checkpoint.root };
    if (!verifyConsistency({ ...growth, path: request.proof })) {
      return refusal(422, 'the proof does not show that the checkpoint continues the one seen last');
    }
    return this.#cosign(checkpoint.origin, opened.text, keepSignatures(request.note, keys));
  }

  /** The note that was cosigned last of the log whose origin has this SHA-256 in hex. */
  latest(originHash: string): string | undefined {
    const origin = this.#origins.get(originHash);
    return origin === undefined ? undefined : this.#options.memory.load(origin);
  }

  #cosign(origin: string, text: string, note: string): WitnessAnswer {
    const timeS = this.#options.nowS();
    const lines = this.#options.signers.map((signer) => signatureLine(text, signer, timeS)).join('');
    this.#options.memory.save(origin, note + lines);
    return { status: 200, contentType: TEXT_TYPE, body: lines };
  }

  #seen(origin: string): Pick<Checkpoint, 'size' | 'root'> {
    const note = this.#options.memory.load(origin);
    if (note === undefined) return { size: 0, root: emptyRoot() };
    const own = this.#options.signers.map(({ key }) => key);
    const opened = openNote(note, own);
    const checkpoint = opened.kind === 'signed' ? parseCheckpoint(opened.text) : undefined;
    if (checkpoint?.origin !== origin) throw new Error(`what is remembered of ${origin} is not what was cosigned`);
    return checkpoint;
  }
}

function refusal(status: 400 | 403 | 404 | 409 | 422, reason: string): WitnessAnswer {
  return { status, contentType: TEXT_TYPE, body: `${reason}\n` };
}
