import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
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
 * an export that was cut off is the one before it. Rejects with `LogFault` or `state.unwritable`.
 */
export async function exportLog(source: LogSource, policy: Policy, dir: string): Promise<ExportedLog> {
  const previous = previousExport(dir, policy);
  let written = 0;
  const onFile = (path: string, bytes: Uint8Array) => {
    if (writeFile(join(dir, path), bytes, path === CHECKPOINT_PATH)) written += 1;
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

/** Gives whether the file was not there as it is now. */
function writeFile(path: string, bytes: Uint8Array, isLast: boolean): boolean {
  if (existsSync(path) && readFileSync(path).equals(bytes)) return false;
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (isLast) {
      writeDurably(path, bytes, 0o644);
    } else {
      writeFileSync(`${path}.tmp`, bytes);
      renameSync(`${path}.tmp`, path);
    }
  } catch (cause) {
    throw cause instanceof KinError ? cause : new KinError('state.unwritable', `cannot write ${path}`, { cause });
  }
  return true;
}
