import type { CliContext } from './context.ts';
import { printDuration } from '../base/duration.ts';

const PATIENCE_MS = 1_000;
const ERASE_LINE = '\r\x1b[2K';

type Watched = Pick<CliContext, 'clock' | 'stderr' | 'isTty'>;

/** A line on stderr that says what is waited for, from the second second on. Only where a person watches. */
export async function withProgress<T>(
  { clock, stderr, isTty }: Watched,
  label: string,
  promise: Promise<T>,
): Promise<T> {
  if (!isTty) return await promise;
  const startedMs = clock.monotonicMs();
  let shown = false;
  const cancel = clock.every(PATIENCE_MS, () => {
    shown = true;
    stderr.write(`${ERASE_LINE}waiting for ${label}: ${printDuration(clock.monotonicMs() - startedMs)}`);
  });
  try {
    return await promise;
  } finally {
    cancel();
    if (shown) stderr.write(ERASE_LINE);
  }
}
