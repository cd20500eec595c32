import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Report } from '../traffic/tally.ts';
import { ClinicBench, freePort, type Service, until } from './clinic-bench.ts';
import { type Misdeed, StandInGateway } from './stand-in-gateway.ts';

let bench: ClinicBench;
let records: Service;

beforeAll(async () => {
  bench = await ClinicBench.open();
  const payments = await bench.startService('services/payments/main.ts');
  records = await bench.startService('services/records/main.ts', { PAYMENTS_URL: payments.url, DRILLS: 'on' });
});
afterAll(() => bench?.close());

interface Document {
  readonly total: Report;
  readonly tenants: Readonly<Record<string, Report>>;
}

function traffic(...options: string[]) {
  return bench.run([join(import.meta.dirname, '..', 'traffic.ts'), ...options], { PATH: process.env['PATH'] });
}

async function runAgainst(
  misdeed: Misdeed,
  ...options: string[]
): Promise<{ code: number | null; document: Document }> {
  const gateway = await StandInGateway.open(records, misdeed);
  try {
    const program = traffic('--gateway', gateway.url, '--json', ...options);
    const code = await program.exited;
    return { code, document: JSON.parse(program.output()) as Document };
  } finally {
    await gateway.close();
  }
}

test('against a sound server every request of every tenant succeeds and every datum is right', async () => {
  const { code, document } = await runAgainst('none', '--rate', '90', '--seconds', '3');
  expect(code).toBe(0);
  expect(Object.keys(document.tenants)).toEqual(['clinic-de', 'hospital-us', 'shop']);
  const clean = {
    failedIdempotent: 0,
    failedOther: 0,
    limited: 0,
    leaks: 0,
    missing: 0,
    stale: 0,
    unsent: 0,
    failures: {},
  };
  for (const report of Object.values(document.tenants)) {
    expect(report).toMatchObject(clean);
    expect(report.requests).toBeGreaterThan(40);
    expect(report.succeeded).toBe(report.requests);
    expect(report.p99Ms).toBeGreaterThan(0);
  }
  expect(document.total.requests).toBeGreaterThan(180);
});

test('data of another tenant are noticed, and the run ends with 1', async () => {
  const { code, document } = await runAgainst('mixes-tenants', '--rate', '90', '--seconds', '2');
  expect(document.total.leaks).toBeGreaterThan(0);
  expect(code).toBe(1);
});

test('writes that were acknowledged and lost are noticed', async () => {
  const { document } = await runAgainst('drops-writes', '--rate', '120', '--seconds', '3', '--tenants', 'hospital-us');
  expect(document.total.missing + document.total.stale).toBeGreaterThan(0);
  expect(document.total.failedIdempotent).toBeGreaterThan(0);
});

test('failures are counted apart by whether they may be repeated, and SIGTERM brings the report', async () => {
  const gateway = await StandInGateway.open(records);
  const drill = (fault: string) =>
    fetch(`${records.url}/_drill`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fault, parameter: 0.5 }),
    });
  const program = traffic('--gateway', gateway.url, '--rate', '100', '--report-every', '0.2', '--tenants', 'shop');
  await until('traffic flows', async () => /shop +[1-9]/.test(program.output()));
  await drill('errors');
  await until('both kinds of failure are seen', async () => /failed +[1-9]\d*\+[1-9]/.test(program.output()));
  await drill('off');
  program.child.kill('SIGTERM');
  expect(await program.exited).toBe(0);
  expect(program.output()).toMatch(/failures .*GET 500: \d+/);
  await gateway.close();
});

test('without a gateway it says so and ends with 2', async () => {
  const program = traffic('--gateway', `http://127.0.0.1:${await freePort()}`, '--wait', '0.2', '--json');
  expect(await program.exited).toBe(2);
  expect(program.output()).toContain('ECONNREFUSED');
});

test('wrong options end it with 64', async () => {
  const program = traffic('--tenants', 'nobody');
  expect(await program.exited).toBe(64);
});
