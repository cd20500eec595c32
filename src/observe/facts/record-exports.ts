import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { reasonOf, Unmeasured, unknown } from './place-collector.ts';

export interface RecordExportsOptions {
  readonly tenants: () => readonly string[];
  /** `kintsugi` with everything that comes before `ledger`. */
  readonly command: readonly string[];
  /** The folder of the ledger. */
  readonly folder: string;
  readonly clock: Clock;
}

const NAME = 'record-exports';
/** What worked is tried again after this time; what did not, in the next round. */
const AGAIN_MS = 6 * 3_600_000;
/** Each reads the ledger once: the rest has its turn in the next round. */
const TENANTS_PER_ROUND = 10;
const TENANT_MS = 60_000;
/** It waits for whoever has something to do. */
const NICE = 15;
const OUTPUT_MAX = 1_000_000;

/**
 * The record of each tenant is really made, with the proof of each entry, and verified with nothing but itself and the key of the ledger,
 * by the command that people use, in a process of its own with little priority; it is kept nowhere. Nothing is proven of
 * who may have the record.
 */
export function recordExports(options: RecordExportsOptions): Collector {
  const { tenants, clock } = options;
  let known: ReadonlyMap<string, Fact> = new Map();
  return {
    name: NAME,
    facts: ['audit.export.works'],
    everyMs: 900_000,
    timeoutMs: TENANTS_PER_ROUND * TENANT_MS + 10_000,
    async collect(signal) {
      const now = clock.now();
      const names = tenants();
      const isDue = (tenant: string) => {
        const before = known.get(tenant);
        return (
          before?.measured.kind !== 'value' || before.measured.value !== true || now - before.measuredAt >= AGAIN_MS
        );
      };
      // Who was tried longest ago first.
      const due = names
        .filter(isDue)
        .toSorted((a, b) => (known.get(a)?.measuredAt ?? 0) - (known.get(b)?.measuredAt ?? 0));
      const facts = new Map(names.flatMap((name) => (known.has(name) ? [[name, known.get(name)!] as const] : [])));
      for (const tenant of due.slice(0, TENANTS_PER_ROUND)) {
        const measured = await tryExport(options, tenant, signal).catch((error: unknown) => unknown(reasonOf(error)));
        const about = { subject: tenant, tenants: [tenant], measuredAt: clock.now(), collector: NAME, evidence: null };
        facts.set(tenant, { name: 'audit.export.works', ...about, measured });
      }
      known = facts;
      return [...facts.values()];
    },
  };
}

async function tryExport(
  { command, folder, clock }: RecordExportsOptions,
  tenant: string,
  stopping: AbortSignal,
): Promise<Measured> {
  const signal = clock.deadline(TENANT_MS, stopping);
  const { code, output } = await run([...command, 'ledger', 'verify', folder, '--tenant', tenant, '--json'], signal);
  if (code === 0) return { kind: 'value', value: true };
  const fault = /"code":\s*"([\w.-]+)"/.exec(output)?.[1] ?? `exit code ${code}`;
  // Too few witnesses saw the head: that is asked elsewhere, and the record is whole.
  if (fault === 'ledger.unwitnessed') return { kind: 'value', value: true };
  if (fault === 'resource.unknown') return unknown('the ledger has no entry of it yet');
  if (fault === 'ledger.tampered') return { kind: 'value', value: false, detail: 'its record does not verify' };
  return unknown(`the export ended with ${fault}`);
}

function run(command: readonly string[], signal: AbortSignal): Promise<{ code: number | null; output: string }> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-OUTPUT_MAX)));
    }
    child.once('spawn', () => lower(child.pid));
    child.once('error', () => reject(new Unmeasured(signal.aborted ? 'it took too long' : 'it could not be started')));
    child.once('close', (code) => resolve({ code, output }));
  });
}

function lower(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, NICE);
  } catch {
    // It ended first, or may not: it goes on as it is.
  }
}
