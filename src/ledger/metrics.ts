import { Gauge, Registry } from 'prom-client';
import type { Cosigner } from './cosigner.ts';
import type { LedgerDirectory } from './ledger-directory.ts';

/** What a ledger tells about itself in the Prometheus text format. Levels are read when they are asked for. */
export function ledgerMetrics(
  ledger: LedgerDirectory,
  cosigner: Cosigner | undefined,
): { contentType: string; text(): Promise<string> } {
  const registry = new Registry();
  const level = (name: string, help: string, read: () => number) => {
    registry.registerMetric(
      new Gauge({
        name: `kintsugi_ledger_${name}`,
        help,
        registers: [],
        collect() {
          this.set(read());
        },
      }),
    );
  };
  level('entries', 'Durable entries.', () => ledger.store.size);
  level('bytes', 'Bytes of durable frames.', () => ledger.store.bytes);
  level('commits', 'Group commits since the process started.', () => ledger.sequencer.commits);
  level('queue_entries', 'Entries that are not durable yet.', () => ledger.sequencer.queued);
  level('checkpoint_size', 'Entries that the last signed checkpoint covers.', () => ledger.signed().checkpoint.size);
  if (cosigner) {
    level('witnessed_size', 'Entries that the last witnessed checkpoint covers.', () => cosigner.witnessedSize());
    level('unwitnessed_seconds', 'Age of what too few witnesses saw.', () => cosigner.unwitnessedMs() / 1000);
  }
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
