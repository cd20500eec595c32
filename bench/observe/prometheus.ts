import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program } from '../recovery/program.ts';
import { BOUND, type Found, isPlanted } from './series.ts';

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 20_000;
const PORT = 17_290;
/** As many spreads from the level of late as are severity 1 of our local channel. */
const SPREADS = 20;

export interface RunningPrometheus {
  readonly pid: number;
  /** Rules as it judges them by now. Throws when one of them cannot be evaluated. */
  found(): Promise<Found>;
  close(): Promise<void>;
}

/** Debian's Prometheus on one core, with the same looks at the same series and rules that say what ours say. */
export async function startPrometheus(
  folder: string,
  target: string,
  { series: count, everySeconds, signal }: { series: number; everySeconds: number; signal: AbortSignal },
): Promise<RunningPrometheus> {
  await writeFile(join(folder, 'prometheus.yml'), configOf(target, everySeconds));
  await writeFile(join(folder, 'rules.yml'), rulesOf(everySeconds));
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${PORT}`,
    '--log.level=warn',
  ];
  const program = new Program('prometheus', args, { ...process.env, GOMAXPROCS: '1' });
  const close = () => program.stop(STOP_LIMIT_MS);
  try {
    const isReady = async () => (await fetch(`http://127.0.0.1:${PORT}/-/ready`, { signal })).ok;
    await program.until(isReady, START_LIMIT_MS, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return { pid: program.pid!, found: () => found(count), close };
}

function configOf(target: string, everySeconds: number): string {
  return `global: { scrape_interval: ${everySeconds}s, scrape_timeout: ${everySeconds}s, evaluation_interval: ${everySeconds}s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: bench
    static_configs: [{ targets: ['${target}'] }]
`;
}

/** The last minutes before the point, as our local channel keeps them. */
function rulesOf(everySeconds: number): string {
  const window = `bench_value[10m] offset ${everySeconds}s`;
  return `groups:
  - name: bench
    rules:
      - alert: LocallyUnusual
        expr: abs(bench_value - avg_over_time(${window})) > ${SPREADS} * stddev_over_time(${window})
      - alert: OutOfBounds
        expr: abs(bench_value) > ${BOUND}
`;
}

async function found(count: number): Promise<Found> {
  const rules = (await ask('rules')) as { groups: { rules: readonly Rule[] }[] };
  const all = rules.groups.flatMap((group) => group.rules);
  const broken = all.find(({ health }) => health === 'err');
  if (broken) throw new Error(`prometheus cannot evaluate ${broken.name}: ${broken.lastError}`);
  const counted = (await ask('query?query=count(bench_value)')) as { result: { value: [number, string] }[] };
  const alertsOf = (name: string) => all.find((rule) => rule.name === name)?.alerts ?? [];
  const ofPlanted = ({ labels }: Alert) => isPlanted(Number(labels.series), count);
  const unusual = alertsOf('LocallyUnusual');
  const local = unusual.filter(ofPlanted).length;
  return {
    series: Number(counted.result[0]?.value[1] ?? 0),
    bound: alertsOf('OutOfBounds').filter(ofPlanted).length,
    local,
    othersLocal: unusual.length - local,
  };
}

interface Alert {
  readonly labels: { readonly series: string };
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly alerts: readonly Alert[];
}

async function ask(path: string): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${PORT}/api/v1/${path}`);
  return ((await answer.json()) as { data: unknown }).data;
}
