import { statSync } from 'node:fs';
import type { Clock } from '../src/base/clock.ts';
import { KinError } from '../src/base/errors.ts';
import { faultOfLog, logTarget, requiredPolicy, type TrustOptions } from '../src/cli/log-target.ts';
import { openSnapshot } from '../src/ledger/snapshot.ts';
import {
  type Checkpoint,
  judgeCheckpoint,
  type LogSource,
  readCheckpointNote,
  TileTree,
  verifyConsistency,
} from '../src/ledger/tlog/tlog.ts';
import type { AnchoredHead } from './chain.ts';

/** A log under its newest checkpoint, whose signatures were checked. */
export interface AnchoredLog {
  readonly source: LogSource;
  readonly checkpoint: Checkpoint;
  /** The Unix socket of its process, where the log was named by that: entries can be appended there. */
  readonly socketPath?: string;
}

/**
 * Opens what `word` points at: a URL, a ledger's folder or socket, or an export. Rejects with `ledger.tampered` when no
 * trusted key signed it, `ledger.unwitnessed` when the policy asks for more witnesses, `ledger.unreachable`,
 * `resource.unknown` or `usage.invalid`.
 */
export async function openLog(word: string, trust: TrustOptions, clock: Clock): Promise<AnchoredLog> {
  const policy = requiredPolicy(trust);
  const target = logTarget(word, clock);
  if (target.kind === 'receipt' || target.kind === 'tenant') {
    throw new KinError(
      'usage.invalid',
      `${word} is a ${target.kind === 'receipt' ? 'receipt' : "tenant's record"}, not a log`,
    );
  }
  const source = target.kind === 'log' ? target.source : (await openSnapshot(target.dir, { clock })).source;
  const note = await readCheckpointNote(source).catch((error: unknown) => {
    throw faultOfLog(error);
  });
  const verdict = judgeCheckpoint(note, policy);
  if (verdict.kind === 'rejected') throw new KinError('ledger.tampered', `the checkpoint: ${verdict.reason}`);
  if (verdict.kind === 'unwitnessed') {
    throw new KinError('ledger.unwitnessed', 'too few witnesses of the policy have seen the checkpoint');
  }
  const isSocket = statSync(word, { throwIfNoEntry: false })?.isSocket() === true;
  return { source, checkpoint: verdict.checkpoint, ...(isSocket ? { socketPath: word } : {}) };
}

/**
 * The proof that a log continues what is anchored of it. Rejects with `ledger.tampered` when it does not: it was rolled
 * back, or somebody shows another history.
 */
export async function continuation(
  { source, checkpoint }: AnchoredLog,
  head: AnchoredHead | undefined,
): Promise<Buffer[]> {
  if (!head) return [];
  const { size, root } = checkpoint;
  const at = { anchoredSize: head.size, size };
  if (size < head.size) {
    throw new KinError('ledger.tampered', `${head.size} entries are anchored and the log shows ${size}`, {
      details: at,
    });
  }
  try {
    const path = head.size === size ? [] : await new TileTree(source, size).consistencyProof(head.size);
    const claim = { oldSize: head.size, oldRoot: head.root, newSize: size, newRoot: root, path };
    if (verifyConsistency(claim)) return path;
  } catch (error) {
    throw faultOfLog(error);
  }
  throw new KinError('ledger.tampered', `the log does not continue the ${head.size} entries that are anchored`, {
    details: at,
  });
}
