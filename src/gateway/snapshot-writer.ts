import { copyFileSync } from 'node:fs';
import { type Clock, toIso } from '../base/clock.ts';
import { readJsonFile, writeDurably } from '../base/durable-file.ts';
import { canonicalJson } from '../base/json.ts';
import { type Snapshot, snapshotSchema } from './snapshot.ts';
import { previousOf } from './snapshot-reader.ts';

export type SnapshotContent = Pick<Snapshot, 'tenants' | 'routes' | 'mitigations' | 'instances'>;

/**
 * Publishes routing to the gateways by replacing the snapshot file. Equal content is not written again. The one before is
 * left beside it as `.previous`, for a gateway that finds the file damaged.
 */
export class SnapshotWriter {
  readonly #path: string;
  readonly #clock: Clock;
  #revision: number;
  #published = '';

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#revision = revisionOn(path);
  }

  /** What is published next is written, also when it is equal: another hand has written the file meanwhile. */
  forget(): void {
    this.#published = '';
  }

  /** Returns true when something was written. Throws `state.unwritable`; the gateways keep what they have. */
  publish(content: SnapshotContent, epoch: number): boolean {
    const text = canonicalJson({ content, epoch });
    if (text === this.#published) return false;
    // Another hand may have written a later one, and gateways never go back.
    this.#revision = Math.max(this.#revision, revisionOn(this.#path)) + 1;
    const snapshot: Snapshot = {
      format: 1,
      revision: this.#revision,
      epoch,
      writtenAt: toIso(this.#clock.now()),
      ...content,
    };
    // A damaged file must not take the place of the good one before it.
    if (readSnapshot(this.#path)) copyFileSync(this.#path, previousOf(this.#path));
    writeDurably(this.#path, JSON.stringify(snapshot));
    this.#published = text;
    return true;
  }
}

/** The highest revision on disk, damaged files left aside: gateways never go back to a lower one. */
function revisionOn(path: string): number {
  return Math.max(readSnapshot(path)?.revision ?? 0, readSnapshot(previousOf(path))?.revision ?? 0);
}

function readSnapshot(path: string): Snapshot | undefined {
  try {
    return snapshotSchema.parse(readJsonFile(path));
  } catch {
    return undefined;
  }
}
