import { constants } from 'node:fs';
import { ERASED, type PayloadSpan } from './payload-section.ts';
import { type OpenSegmentFile, writeFully } from './segment-file.ts';

/**
 * Erases payloads of one segment for good. Their marks are on the disk before the first byte is overwritten: an erasure
 * that is cut off can be told from damage, and finished.
 */
export async function wipePayloads(
  path: string,
  payloads: readonly Pick<PayloadSpan, 'markAt' | 'length'>[],
  openFile: OpenSegmentFile,
): Promise<void> {
  const file = await openFile(path, constants.O_RDWR);
  try {
    for (const { markAt } of payloads) await writeFully(file, Buffer.from([ERASED]), markAt);
    await file.datasync();
    for (const { markAt, length } of payloads) await writeFully(file, Buffer.alloc(length), markAt + 1);
    await file.datasync();
  } finally {
    await file.close();
  }
}
