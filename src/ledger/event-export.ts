import { KinError } from '../base/errors.ts';
import type { LedgerEvent } from './entry.ts';
import { type Form, FORMS, type FormName } from './forms/form.ts';
import { parseCheckpoint } from './tlog/checkpoint.ts';
import { type LogSource, readCheckpointNote } from './tlog/log-source.ts';
import { verifyLog } from './tlog/log-verifier.ts';
import type { Policy } from './tlog/policy.ts';
import { textOfNote } from './tlog/signed-note.ts';

export interface EventExport {
  readonly source: LogSource;
  readonly policy: Policy;
  readonly form: FormName;
  /** Version of Kintsugi, for the reader of the export. */
  readonly version: string;
  /** Whether an event is wanted. */
  readonly isWanted: (event: LedgerEvent, index: number) => boolean;
  /** Takes lines, in order; the next come when it has resolved. */
  readonly write: (lines: string) => unknown;
}

export interface ExportedEvents {
  readonly origin: string;
  /** Entries of the log, and those of them that were written. */
  readonly size: number;
  readonly written: number;
}

/**
 * Writes the events of a log as NDJSON in the schema of others, while it is verified: a bundle of 256 entries is in memory at
 * a time. What is not right shows at the latest when the last line is written, so a rejection takes back all lines. Rejects
 * with `LogFault`, or `request.invalid` when an entry is no event.
 */
export async function exportEvents(options: EventExport): Promise<ExportedEvents> {
  const { source, policy, isWanted, version, write } = options;
  const origin = parseCheckpoint(textOfNote(await readCheckpointNote(source)) ?? '')?.origin ?? '';
  const form: Form = FORMS[options.form];
  let lines: string[] = [];
  let written = 0;
  const log = await verifyLog({
    source,
    policy,
    onEntry(entry, index) {
      const event = eventOf(entry, index);
      if (isWanted(event, index)) lines.push(`${JSON.stringify(form({ index, event }, { origin, version }))}\n`);
    },
    async onFile() {
      if (lines.length === 0) return;
      const ready = lines;
      lines = [];
      written += ready.length;
      await write(ready.join(''));
    },
  });
  return { origin: log.checkpoint.origin, size: log.checkpoint.size, written };
}

function eventOf(entry: Uint8Array, index: number): LedgerEvent {
  try {
    return JSON.parse(Buffer.from(entry).toString('utf8')) as LedgerEvent;
  } catch (cause) {
    throw new KinError('request.invalid', `entry ${index} of the log is no event`, { cause, details: { index } });
  }
}
