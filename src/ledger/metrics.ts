import { Gauge, Registry } from 'prom-client';
import type { Cosigner } from './cosigner.ts';
import type { OpenLedger } from './open-ledger.ts';
import type { SelfCheck } from './self-check.ts';

/** What a ledger tells about itself in the Prometheus text format. Levels are read when they are asked for. */
export function ledgerMetrics(
  ledger: OpenLedger,
  { cosigner, selfCheck }: { readonly cosigner: Cosigner | undefined; readonly selfCheck: SelfCheck },
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
  level('self_check_entries', 'Entries that this round of the self-check has read again.', () => {
    return selfCheck.state().checked;
  });
  level('self_check_rounds', 'Rounds of the self-check since the process started.', () => selfCheck.state().rounds);
  level('self_check_faults', 'Whether the self-check found damage: 1, else 0.', () =>
    selfCheck.state().fault ? 1 : 0,
  );
  if (cosigner) {
    level('witnessed_size', 'Entries that the last witnessed checkpoint covers.', () => cosigner.witnessedSize());
    level('unwitnessed_seconds', 'Age of what too few witnesses saw.', () => cosigner.unwitnessedMs() / 1000);
  }
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
