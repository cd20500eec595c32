import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { digestOf } from '../base/digest.ts';
import { canonicalJson } from '../base/json.ts';

export interface TranscriptFolderOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Hears why one could not be written; its digest then proves nothing, and a report leaves it out. */
  readonly onFault: (error: unknown) => void;
}

/** One that is longer is not kept: a transcript is names, codes and numbers. */
const BYTES_MAX = 64 * 1_024;
/** What no standing fact rests on is kept for so long, for a report that is being made. */
const RETENTION_MS = 86_400_000;
const FILES_MAX = 20_000;

const DIGEST = /^sha256:([0-9a-f]{64})$/;

/**
 * Transcripts of measurements by their digest: what a collector noted of a look (names, codes and numbers, no data that it
 * found). The same transcript is one file. What facts rest on now stays; everything else goes after a day, and earlier when
 * there are very many.
 */
export class TranscriptFolder {
  readonly #options: TranscriptFolderOptions;
  readonly #kept = new Set<string>();
  readonly #writing = new Set<Promise<void>>();

  constructor(options: TranscriptFolderOptions) {
    this.#options = options;
  }

  /** The digest of a transcript, which is on its way to the disk; null when it is too long to be kept. Never throws. */
  keep(transcript: unknown): string | null {
    const text = canonicalJson(transcript);
    if (Buffer.byteLength(text) > BYTES_MAX) return null;
    const digest = digestOf(text);
    if (this.#kept.has(digest)) return digest;
    this.#kept.add(digest);
    const writing = this.#write(digest, text).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    return digest;
  }

  /** Resolves when everything that was kept is on the disk, or was told as a fault. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing);
  }

  /** Deletes what is old and not `live`: digests that facts rest on now. */
  async prune(live: ReadonlySet<string>): Promise<void> {
    const { folder, clock } = this.#options;
    const names = await readdir(folder).catch(() => []);
    const idle = names.filter((name) => !live.has(`sha256:${name}`));
    const aged = await Promise.all(idle.map(async (name) => ({ name, at: await writtenAt(join(folder, name)) })));
    aged.sort((a, b) => a.at - b.at);
    const surplus = Math.max(0, names.length - FILES_MAX);
    for (const [index, { name, at }] of aged.entries()) {
      if (index >= surplus && clock.now() - at < RETENTION_MS) continue;
      this.#kept.delete(`sha256:${name}`);
      await rm(join(folder, name), { force: true });
    }
  }

  async #write(digest: string, text: string): Promise<void> {
    const { folder, onFault } = this.#options;
    const path = pathOf(folder, digest);
    if (path === undefined || existsSync(path)) return;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      this.#kept.delete(digest);
      onFault(error);
    }
  }
}

/** The bytes of a transcript; undefined when they are not there, or are not what the digest says. */
export function readTranscript(folder: string, digest: string): Buffer | undefined {
  const path = pathOf(folder, digest);
  if (path === undefined || !existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  return digestOf(bytes) === digest ? bytes : undefined;
}

function pathOf(folder: string, digest: string): string | undefined {
  const [, hex] = DIGEST.exec(digest) ?? [];
  return hex === undefined ? undefined : join(folder, hex);
}

async function writtenAt(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}
