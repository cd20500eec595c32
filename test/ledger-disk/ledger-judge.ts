import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { type LedgerDirectory, openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { traceFiles } from './file-trace.ts';
import { LEDGER_PATH, type LedgerPromise, type LedgerTrace, publish, SEGMENT_BYTES } from './ledger-life.ts';
import { putAfterBoot } from './put-after-boot.ts';
import type { CrashState } from './replay.ts';

/** Nothing writes while a state is judged, so a second look at its tail need not wait. */
const clock = { ...systemClock, sleep: async () => undefined };

/** Opens a ledger after a power cut; gives all that this did to its files. */
export async function recover(state: CrashState<LedgerPromise>, root: string): Promise<LedgerTrace> {
  putAfterBoot(state.disk, root, LEDGER_PATH);
  const trace: LedgerTrace = traceFiles(root);
  try {
    const ledger = await openLedgerDirectory(join(root, LEDGER_PATH), { clock, segmentBytes: SEGMENT_BYTES });
    publish(ledger, trace);
    await ledger.close();
    publish(ledger, trace);
  } finally {
    trace.end();
  }
  return trace;
}

/**
 * What a ledger no longer keeps of its promises after a power cut; undefined when it keeps them all. When it `goesOn`, it
 * takes another entry, signs it, and is verified with it.
 */
export async function brokenPromise(
  state: CrashState<LedgerPromise>,
  root: string,
  goesOn = true,
): Promise<string | undefined> {
  putAfterBoot(state.disk, root, LEDGER_PATH);
  return judge(join(root, LEDGER_PATH), state.notes, goesOn);
}

async function judge(dir: string, promises: readonly LedgerPromise[], goesOn: boolean): Promise<string | undefined> {
  if (promises.length > 0) {
    const before = await verifyLedger(dir, { clock });
    if (before.kind !== 'intact') return `offline: ${before.file}: ${before.reason}`;
  }
  const ledger = await openLedgerDirectory(dir, { clock, segmentBytes: SEGMENT_BYTES });
  const broken = await promisesBrokenBy(ledger, promises);
  if (!goesOn) {
    await ledger.close();
    return broken;
  }
  await ledger.sequencer.append([{ id: 'after', bytes: Buffer.from('{"id":"after"}') }]);
  await ledger.close();
  const after = await verifyLedger(dir, { publicKey: ledger.vkey, clock });
  const isWhole = after.kind === 'intact' && after.unsigned === 0 && after.tornBytes === 0;
  return isWhole ? broken : `after recovery: ${JSON.stringify(after)}`;
}

async function promisesBrokenBy(
  ledger: LedgerDirectory,
  promises: readonly LedgerPromise[],
): Promise<string | undefined> {
  const stored = (await ledger.store.read(0, ledger.store.size)).map(String);
  if (stored.length !== ledger.store.size) return 'not all entries can be read';
  const ids = stored.map((text) => (JSON.parse(text) as { id: string }).id);
  if (new Set(ids).size !== ids.length) return 'an id stands there twice';
  for (const promise of promises) {
    if (promise.kind === 'acknowledged') {
      if (stored[promise.index] !== promise.text)
        return `entry ${promise.index} was acknowledged and is another or lost`;
    } else {
      const { size, root, vkey } = promise;
      if (vkey !== ledger.vkey) return 'the ledger has another key than the one that was published';
      if (size > stored.length) return `a checkpoint of ${size} was published and ${stored.length} entries are left`;
      if (!root.equals(await ledger.nodes.rootAt(size)))
        return `the published root of ${size} is no longer that of the tree`;
    }
  }
  return undefined;
}
