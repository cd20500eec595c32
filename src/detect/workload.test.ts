import { detectionNumbers } from '../resources/detection-number.ts';
import { expect, test } from 'vitest';
import { claimsAfter, every, standingAfter } from '../../test/sim/claims.ts';
import { exitAt, refOf, requestsAt, retiredAt, triesAt } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { workloadDetector as workloadBy } from './workload.ts';

const workloadDetector = workloadBy(() => detectionNumbers());

const TENANTS = ['shop', 'clinic', 'bank', 'court'];

/** A minute of good traffic, then `ms` of what `fails` says of each tenant, of ten requests each half second. */
function traffic(fails: (tenant: string) => number, ms = 10_000, slowMs = 10): Sample[] {
  const spans = (from: number, until: number, failedOf: (tenant: string) => number, took: number) =>
    every(500, from, until, (at) =>
      TENANTS.map((tenant) =>
        requestsAt(at, tenant, 10 - failedOf(tenant), failedOf(tenant), { spanMs: 500, ms: took }),
      ),
    );
  return [...spans(0, 60_000, () => 0, 10), ...spans(60_000, 60_000 + ms, fails, slowMs)];
}

test('what fails for all is a claim about the workload, with its onset and whom it hits', () => {
  const [claim, ...more] = claimsAfter(
    workloadDetector,
    traffic(() => 3),
  );
  expect(more).toEqual([]);
  expect(claim).toMatchObject({ name: 'workload-errors', subject: { kind: 'workload', name: 'records' } });
  expect(claim?.evidence).toMatchObject({ tenantsFailing: 4, tenantsSeen: 4 });
  expect(claim?.since).toBeGreaterThanOrEqual(59_000);
  expect(claim?.since).toBeLessThanOrEqual(60_500);
});

test('no failures, and one request of many, are none', () => {
  expect(
    standingAfter(
      workloadDetector,
      traffic(() => 0),
    ),
  ).toEqual([]);
  const once = [...traffic(() => 0), requestsAt(70_500, 'shop', 9, 1)];
  expect(standingAfter(workloadDetector, once)).toEqual([]);
});

test('a tenant that fails while others are served is a claim of its own', () => {
  const found = claimsAfter(
    workloadDetector,
    traffic((tenant) => (tenant === 'bank' ? 9 : 0)),
  );
  const alone = found.find(({ name }) => name === 'tenant-errors');
  expect(alone).toMatchObject({ subject: { kind: 'tenant', name: 'bank' }, evidence: { workload: 'records' } });
  const all = standingAfter(
    workloadDetector,
    traffic(() => 9),
  );
  expect(all).toEqual(['workload-errors records']);
});

test('a tenant of whom one route fails is a claim of its own once it is no chance', () => {
  const some = every(500, 0, 80_000, (at) =>
    TENANTS.map((tenant) => {
      const failed = tenant === 'bank' && at > 60_000 && at % 2_000 === 0 ? 3 : 0;
      return requestsAt(at, tenant, 10 - failed, failed);
    }),
  );
  expect(standingAfter(workloadDetector, some)).toEqual(['tenant-errors bank']);
});

test('it clears when requests are served again, and not before', () => {
  const sick = traffic(() => 5);
  const some = every(500, 70_000, 80_000, (at) => TENANTS.map((tenant) => requestsAt(at, tenant, 9, 1)));
  const well = every(500, 70_000, 80_000, (at) => TENANTS.map((tenant) => requestsAt(at, tenant, 10)));
  expect(standingAfter(workloadDetector, [...sick, ...some])).toEqual(['workload-errors records']);
  expect(standingAfter(workloadDetector, [...sick, ...well])).toEqual([]);
});

test('a fault that lasts does not become what is usual', () => {
  expect(
    standingAfter(
      workloadDetector,
      traffic(() => 3, 900_000),
    ),
  ).toEqual(['workload-errors records']);
  expect(
    standingAfter(
      workloadDetector,
      traffic(() => 0, 900_000, 400),
    ),
  ).toEqual(['workload-slow records']);
});

test('slower than usual for some seconds is a claim, a moment is none', () => {
  expect(
    standingAfter(
      workloadDetector,
      traffic(() => 0, 8_000, 400),
    ),
  ).toEqual(['workload-slow records']);
  expect(
    standingAfter(
      workloadDetector,
      traffic(() => 0, 2_000, 400),
    ),
  ).toEqual([]);
  expect(
    standingAfter(
      workloadDetector,
      traffic(() => 0, 8_000, 60),
    ),
  ).toEqual([]);
});

test('a slowness that would be no claim any more only explains what is left of it', () => {
  const slow = traffic(() => 0, 8_000, 400);
  const end = slow.at(-1)!.at;
  const calmer = (ms: number) => every(250, end + 250, end + 8_000, (at) => [requestsAt(at, 'shop', 10, 0, { ms })]);
  expect(claimsAfter(workloadDetector, [...slow, ...calmer(300)]).map(({ over }) => over)).toEqual([undefined]);
  expect(claimsAfter(workloadDetector, [...slow, ...calmer(80)]).map(({ over }) => over)).toEqual([true]);
});

test('the gateways say which instances, versions and regions it is, and why requests fail', () => {
  const old = refOf('records-1');
  const young = refOf('records-2', 'records', 2);
  const tries = every(500, 60_000, 66_000, (at) => [
    triesAt(at, 20, 0, old),
    { ...triesAt(at, 5, 15, young), errors: { timeout: 15 } },
  ]);
  const samples = [...traffic(() => 4, 6_000), ...tries].sort((a, b) => a.at - b.at);
  const [claim] = claimsAfter(workloadDetector, samples);
  expect(claim?.evidence).toMatchObject({ instances: ['records-2'], versions: [2], versionsSeen: 2, regionsSeen: 1 });
  expect(Object.keys(claim?.evidence['errors'] ?? {})).toEqual(['timeout']);
  const gone = claimsAfter(workloadDetector, [...samples, exitAt(66_000, young), requestsAt(66_000, 'shop', 6, 4)]);
  expect(gone[0]?.evidence).toMatchObject({ instances: [], instancesSeen: 1 });
});

test('of which version it was that failed is known when its last instance is gone', () => {
  const both = (failed: number) => (at: number) => [
    triesAt(at, 10 - failed, failed, refOf('records-1', 'records', 31)),
    triesAt(at, 10, 0, refOf('records-2', 'records', 32)),
    requestsAt(at, 'shop', 20 - failed, failed),
  ];
  const samples = [...every(250, 0, 60_000, both(0)), ...every(250, 60_000, 66_000, both(8))];
  const gone = [...samples, retiredAt(66_000, refOf('records-1', 'records', 31)), requestsAt(66_250, 'shop', 12, 8)];
  const [claim] = claimsAfter(workloadDetector, gone);
  expect(claim?.evidence).toMatchObject({ instances: [], versions: [31], versionsSeen: 2 });
});

test('few failures of few requests are none', () => {
  const quiet = every(500, 0, 60_000, (at) => requestsAt(at, 'shop', 2));
  const two = [requestsAt(60_000, 'shop', 0, 1), requestsAt(60_500, 'shop', 0, 1)];
  expect(standingAfter(workloadDetector, [...quiet, ...two])).toEqual([]);
  const three = [...two, requestsAt(61_000, 'shop', 0, 1)];
  expect(standingAfter(workloadDetector, [...quiet, ...three])).toEqual(['workload-errors records']);
});

test('failures that have ended are told as such while their window still holds them', () => {
  const busy = every(500, 0, 60_000, (at) => requestsAt(at, 'shop', 20, 0, { spanMs: 500 }));
  const sick = every(500, 60_000, 62_500, (at) => requestsAt(at, 'shop', 10, 10, { spanMs: 500 }));
  const well = every(500, 62_500, 65_000, (at) => requestsAt(at, 'shop', 20, 0, { spanMs: 500 }));
  const [claim] = claimsAfter(workloadDetector, [...busy, ...sick]);
  expect(claim?.evidence).toMatchObject({ ended: false });
  // The window of five seconds still holds the failures.
  const [ended] = claimsAfter(workloadDetector, [...busy, ...sick, ...well]);
  expect(ended).toMatchObject({ name: 'workload-errors', evidence: { ended: true } });
  const again = every(500, 65_000, 66_000, (at) => requestsAt(at, 'shop', 10, 10, { spanMs: 500 }));
  const [back] = claimsAfter(workloadDetector, [...busy, ...sick, ...well, ...again]);
  expect(back?.evidence).toMatchObject({ ended: false });
});

test('one route that fails is told, and whoever makes up routes is held to a number of them', () => {
  const route = (at: number, name: string, failed: number): Sample => {
    const counts = { spanMs: 500, ok: 10 - failed, failed, latencyMs: 50 };
    return { kind: 'route', at, vantage: 'gateway-1', workload: 'records', version: 1, route: name, ...counts };
  };
  const routes = every(500, 0, 70_000, (at) => [
    route(at, 'GET /bills', at > 60_000 ? 8 : 0),
    route(at, 'GET /lists', 0),
    ...Array.from({ length: 20 }, (_, i) => route(at, `GET /made-up-${(at / 500) * 20 + i}`, 0)),
  ]);
  const samples = [...traffic(() => 2), ...routes].sort((a, b) => a.at - b.at);
  const claim = claimsAfter(workloadDetector, samples).find(({ name }) => name === 'workload-errors');
  expect(claim?.reason).toMatch(/ % of the requests to records fail, all of them at GET \/bills$/);
  expect(claim?.evidence).toMatchObject({ routes: ['GET /bills'], routesFailing: 1 });
  expect(Number(claim?.evidence['routesSeen'])).toBeLessThanOrEqual(64);
});

test('what a Policy sets for tenants counts', () => {
  const failing = traffic((tenant) => (tenant === 'bank' ? 5 : 0));
  const tenants = (given: Parameters<typeof detectionNumbers>[0]) =>
    standingAfter(
      workloadBy(() => detectionNumbers(given)),
      failing,
    ).filter((each) => each.startsWith('tenant-errors'));
  expect(tenants({})).toEqual(['tenant-errors bank']);
  expect(tenants({ 'tenant.failedShareMin': 1 })).toEqual([]);
  expect(tenants({ 'tenant.pastMin': 100_000 })).toEqual([]);
});
