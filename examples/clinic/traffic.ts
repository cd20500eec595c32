/**
 * The clinic's clients: an open-loop load (Poisson arrivals that do not wait for answers) of every tenant, which checks
 * what it gets back. `node examples/clinic/traffic.ts --help` says how to use it.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ACCOUNTS, type Account } from './traffic/accounts.ts';
import { TenantClient } from './traffic/client.ts';
import { Customer } from './traffic/customer.ts';
import { exponentialMs, type Random, seededRandom } from './traffic/random.ts';
import { type Report, Tally } from './traffic/tally.ts';

const CLIENTS_PER_TENANT = 2;
const LAST_ANSWERS_MS = 5_500;
const LAST_ANSWERS_INTERRUPTED_MS = 1_000;

const USAGE = `node examples/clinic/traffic.ts [options]
  --gateway URL        where to send requests (KINTSUGI_GATEWAY, else http://127.0.0.1:7080)
  --rate N             requests per second of all tenants together (60)
  --seconds N          how long; until SIGINT or SIGTERM when left out
  --seed N             equal seeds give equal arrivals and choices (1)
  --tenants A,B        only these (${ACCOUNTS.map((account) => account.tenant).join(',')})
  --wait N             seconds to wait until every tenant gets an answer (60)
  --report-every N     seconds between reports (10)
  --json               one JSON document at the end on standard output, and nothing else
Exit status: 0 done, 1 a tenant saw data of another one, 2 the gateway did not become ready, 64 wrong options
`;

interface Settings {
  readonly gateway: string;
  readonly rate: number;
  readonly seconds: number;
  readonly seed: number;
  readonly waitSeconds: number;
  readonly reportEverySeconds: number;
  readonly accounts: readonly Account[];
  readonly json: boolean;
}

function usageError(message: string): never {
  process.stderr.write(`traffic: ${message}\n\n${USAGE}`);
  process.exit(64);
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  return usageError(`--${name} must be a number from ${min} to ${max}`);
}

function accountsOf(names: string | undefined): readonly Account[] {
  const wanted = names?.split(',');
  const stranger = wanted?.find((name) => !ACCOUNTS.some((account) => account.tenant === name));
  if (stranger !== undefined) usageError(`there is no tenant "${stranger}"`);
  return ACCOUNTS.filter((account) => wanted?.includes(account.tenant) ?? true);
}

function argumentsOf() {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const options = {
    gateway: text(process.env['KINTSUGI_GATEWAY'] ?? 'http://127.0.0.1:7080'),
    rate: text('60'),
    seconds: { type: 'string' },
    seed: text('1'),
    tenants: { type: 'string' },
    wait: text('60'),
    'report-every': text('10'),
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return usageError((error as Error).message);
  }
}

function readSettings(): Settings {
  const values = argumentsOf();
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  if (!URL.canParse(values.gateway)) usageError('--gateway must be a URL');
  return {
    gateway: values.gateway,
    rate: numberOf('rate', values.rate, 0.1, 5_000),
    seconds: values.seconds === undefined ? Infinity : numberOf('seconds', values.seconds, 0.1, 1e6),
    seed: numberOf('seed', values.seed, 0, 2 ** 32 - 1),
    waitSeconds: numberOf('wait', values.wait, 0, 3_600),
    reportEverySeconds: numberOf('report-every', values['report-every'], 0.1, 3_600),
    accounts: accountsOf(values.tenants),
    json: values.json,
  };
}

/** Resolves when the tenant gets a good answer, with the last answer otherwise. */
async function waitForGateway(client: TenantClient, waitSeconds: number, stop: AbortSignal): Promise<number | string> {
  const deadlineMs = performance.now() + waitSeconds * 1_000;
  for (;;) {
    const { status } = await client.send({ method: 'GET', path: '/records?limit=1' });
    if (status === 200 || performance.now() > deadlineMs || stop.aborted) return status;
    await sleep(100, undefined, { signal: stop }).catch(() => {});
  }
}

/** Sends a customer's requests when they are due, whatever became of the earlier ones, until `untilMs` or `stop`. */
async function arrive(customer: Customer, perSecond: number, random: Random, untilMs: number, stop: AbortSignal) {
  let dueMs = performance.now();
  for (;;) {
    dueMs += exponentialMs(perSecond, random);
    if (dueMs > untilMs) return;
    const aheadMs = dueMs - performance.now();
    if (aheadMs > 0) await sleep(aheadMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) return;
    void customer.act(dueMs);
  }
}

function lineOf(name: string, report: Report): string {
  const failed = `${report.failedIdempotent}+${report.failedOther}`;
  const wrong = report.leaks + report.missing + report.stale;
  return (
    `${name.padEnd(12)} ${String(report.requests).padStart(7)} sent  failed ${failed.padStart(7)}  limited ${report.limited}` +
    `  p50/p95/p99 ${report.p50Ms}/${report.p95Ms}/${report.p99Ms} ms  longest gap ${report.longestGapMs} ms  wrong data ${wrong}`
  );
}

function printLines(customers: readonly Customer[]): void {
  const nowMs = performance.now();
  const lines = customers.map((customer) => lineOf(customer.account.tenant, customer.tally.report(nowMs)));
  const total = Tally.total(
    customers.map((customer) => customer.tally),
    nowMs,
  );
  const failures = Object.entries(total.failures).map(([what, number]) => `${what}: ${number}`);
  process.stdout.write(
    `${[...lines, ...(failures.length > 0 ? [`failures     ${failures.join(', ')}`] : [])].join('\n')}\n\n`,
  );
}

function printJson(settings: Settings, customers: readonly Customer[], startedMs: number): void {
  const nowMs = performance.now();
  const tenants = customers.map((customer) => [customer.account.tenant, customer.tally.report(nowMs)]);
  const total = Tally.total(
    customers.map((customer) => customer.tally),
    nowMs,
  );
  const { gateway, rate, seed } = settings;
  const seconds = Math.round((nowMs - startedMs) / 100) / 10;
  process.stdout.write(
    `${JSON.stringify({ gateway, rate, seed, seconds, total, tenants: Object.fromEntries(tenants) })}\n`,
  );
}

async function lastAnswers(customers: readonly Customer[], withinMs: number): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (customers.some((customer) => customer.waiting > 0) && performance.now() < deadlineMs) await sleep(10);
}

async function main(): Promise<number> {
  const settings = readSettings();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

  const clients = settings.accounts.map((account) =>
    Array.from(
      { length: CLIENTS_PER_TENANT },
      (_, index) => new TenantClient(settings.gateway, account, index % 2 === 1),
    ),
  );
  const waited = await Promise.all(clients.map(([first]) => waitForGateway(first!, settings.waitSeconds, stop.signal)));
  const blocked = waited.findIndex((status) => status !== 200);
  if (blocked >= 0 && !stop.signal.aborted) {
    const tenant = settings.accounts[blocked]?.tenant;
    process.stderr.write(
      `traffic: ${tenant} got no good answer in ${settings.waitSeconds} s; the last was ${waited[blocked]}\n`,
    );
    return 2;
  }
  return runTraffic(settings, clients, stop.signal);
}

async function runTraffic(settings: Settings, clients: readonly TenantClient[][], stop: AbortSignal): Promise<number> {
  const run = `t${randomBytes(4).toString('hex')}`;
  const startedMs = performance.now();
  const customers = settings.accounts.map(
    (account, index) =>
      new Customer(account, clients[index]!, new Tally(startedMs), seededRandom(settings.seed + 1_000 * index), run),
  );
  const interrupt = () => {
    for (const customer of customers) customer.interrupt();
  };
  stop.addEventListener('abort', interrupt, { once: true });
  const reporter = setInterval(() => settings.json || printLines(customers), settings.reportEverySeconds * 1_000);

  const untilMs = startedMs + settings.seconds * 1_000;
  const perSecond = settings.rate / customers.length;
  const arrivals = customers.map((customer, index) =>
    arrive(customer, perSecond, seededRandom(settings.seed + 1_000 * index + 1), untilMs, stop),
  );
  await Promise.all(arrivals);
  clearInterval(reporter);
  await lastAnswers(customers, stop.aborted ? LAST_ANSWERS_INTERRUPTED_MS : LAST_ANSWERS_MS);
  if (settings.json) printJson(settings, customers, startedMs);
  else printLines(customers);
  await Promise.all(clients.flat().map((client) => client.close()));
  return customers.some((customer) => customer.tally.report(startedMs).leaks > 0) ? 1 : 0;
}

process.exitCode = await main();
