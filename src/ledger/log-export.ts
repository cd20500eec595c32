import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolderDurably, replaceSynced, syncFolder } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { CHECKPOINT_PATH, LogFault, type LogSource } from './tlog/log-source.ts';
import { type VerifiedLog, verifyLog } from './tlog/log-verifier.ts';
import { judgeCheckpoint, type Policy } from './tlog/policy.ts';

export interface ExportedLog {
  readonly log: VerifiedLog;
  /** Files that were not there before. */
  readonly written: number;
}

/**
 * Copies a log, as it is verified, to static files that any web server can serve: `checkpoint`, `tile/...`. An export that
 * is there already is continued; one of which the log is no continuation is left alone. The checkpoint is written last, so
 * an export that was cut off, by a power cut too, is the one before it. Rejects with `LogFault` or `state.unwritable`.
 */
export async function exportLog(source: LogSource, policy: Policy, dir: string): Promise<ExportedLog> {
  const previous = previousExport(dir, policy);
  let written = 0;
  const unsynced = new Set<string>();
  const onFile = (path: string, bytes: Uint8Array) => {
    // What the checkpoint promises lasts before it does.
    if (path === CHECKPOINT_PATH) syncFolders(unsynced);
    if (writeFile(join(dir, path), bytes, unsynced)) written += 1;
    if (path === CHECKPOINT_PATH) syncFolders([dir]);
  };
  const log = await verifyLog({ source, policy, onFile, ...(previous ? { previous } : {}) });
  return { log, written };
}

function previousExport(dir: string, policy: Policy) {
  const path = join(dir, CHECKPOINT_PATH);
  if (!existsSync(path)) return undefined;
  const verdict = judgeCheckpoint(readFileSync(path, 'utf8'), policy);
  if (verdict.kind !== 'rejected') return verdict.checkpoint;
  throw new LogFault('mismatch', path, `the folder holds something else: ${verdict.reason}`);
}

/** Gives whether the file was not there as it is now. The folders of new files are put into `unsynced`. */
function writeFile(path: string, bytes: Uint8Array, unsynced: Set<string>): boolean {
  if (existsSync(path) && readFileSync(path).equals(bytes)) return false;
  makeFolderDurably(dirname(path), 0o777);
  try {
    replaceSynced(path, bytes, 0o644);
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
  }
  unsynced.add(dirname(path));
  return true;
}

function syncFolders(folders: Iterable<string>): void {
  for (const folder of folders) {
    try {
      syncFolder(folder);
    } catch (cause) {
      throw new KinError('state.unwritable', `cannot write ${folder}`, { cause, details: { path: folder } });
    }
  }
}
