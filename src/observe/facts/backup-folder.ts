import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fromIso } from '../../base/clock.ts';

/** What the program that made a backup says of it. */
const recordSchema = z.object({
  startedAt: z.iso.datetime(),
  /** Oldest transaction that was under way when it began (`pg_snapshot_xmin`): all before it had ended. */
  snapshotXmin: z.string().regex(/^\d{1,20}$/),
  files: z.int().min(1),
  bytes: z.int().min(1),
});

/** One backup that is whole: every file is there, with all its bytes. */
export interface Backup {
  readonly name: string;
  /** The data directory in it. */
  readonly data: string;
  readonly startedAt: number;
  readonly snapshotXmin: bigint;
}

/** Bounds one look at a folder that somebody else fills. */
const BACKUPS_MAX = 100;
const FILES_MAX = 100_000;

/**
 * The newest backup of a folder that is whole; undefined when none is, or the folder is not there yet. By its own record and
 * not by its name. A folder without a record, or whose files do not sum up to it, is none.
 */
export async function newestBackup(folder: string): Promise<Backup | undefined> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const backups = await Promise.all(
    names
      .toSorted()
      .slice(-BACKUPS_MAX)
      .map((name) => readBackup(folder, name)),
  );
  const told = backups.flatMap((each) => each ?? []).toSorted((a, b) => b.startedAt - a.startedAt);
  for (const { files, bytes, ...backup } of told) if (await isWhole(backup.data, files, bytes)) return backup;
  return undefined;
}

async function readBackup(folder: string, name: string) {
  const text = await readFile(join(folder, name, 'backup.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { success, data: record } = recordSchema.safeParse(parsed(text));
  if (!success) return undefined;
  const { startedAt, snapshotXmin, ...sizes } = record;
  const data = join(folder, name, 'data');
  return { name, data, startedAt: fromIso(startedAt), snapshotXmin: BigInt(snapshotXmin), ...sizes };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function isWhole(data: string, files: number, bytes: number): Promise<boolean> {
  const entries = await readdir(data, { recursive: true, withFileTypes: true }).catch(() => []);
  const found = entries.filter((entry) => entry.isFile());
  if (found.length !== files || files > FILES_MAX) return false;
  let sum = 0;
  for (const { parentPath, name } of found) sum += (await stat(join(parentPath, name))).size;
  return sum === bytes;
}
