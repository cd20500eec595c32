import { Gauge, Registry } from 'prom-client';
import { fromIso } from '../base/clock.ts';
import type { LedgerWorkers } from './ledger-workers.ts';
import type { OpenLedger } from './open-ledger.ts';

/** What a ledger tells about itself in the Prometheus text format. Levels are read when they are asked for. */
export function ledgerMetrics(
  ledger: OpenLedger,
  { cosigner, selfCheck, pruner, tiering }: LedgerWorkers,
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
  level('first_entry', 'The first entry that is there; those before it were pruned.', () => ledger.first());
  level('retention_faults', 'Whether the last try to prune failed: 1, else 0.', () => (pruner.fault ? 1 : 0));
  level('bytes', 'Bytes of durable frames.', () => ledger.store.bytes);
  level('commits', 'Group commits since the process started.', () => ledger.sequencer.commits);
  level('queue_entries', 'Entries that are not durable yet.', () => ledger.sequencer.queued);
  level('checkpoint_size', 'Entries that the last signed checkpoint covers.', () => ledger.signed().checkpoint.size);
  level('self_check_entries', 'Entries that this round of the self-check has read again.', () => {
    return selfCheck.state().checked;
  });
  level('self_check_coverage', 'Share of the signed entries that was read again since the process started.', () => {
    return selfCheck.state().coverage;
  });
  level('self_check_last_round_seconds', 'When the last whole round ended, in seconds since 1970; 0: none has.', () => {
    const { lastRoundAt } = selfCheck.state();
    return lastRoundAt === undefined ? 0 : fromIso(lastRoundAt) / 1000;
  });
  level('tiering_faults', 'Whether the last try to compress a segment failed: 1, else 0.', () =>
    tiering.fault ? 1 : 0,
  );
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
