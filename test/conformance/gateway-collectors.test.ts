import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock, toIso } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { Redacted } from '../../src/base/redacted.ts';
import { HELD_CANARY, heldDoor, heldKeys } from '../../src/drivers/held-canary.ts';
import { LedgerParts } from '../../src/drivers/ledger/ledger-parts.ts';
import { routingOf } from '../../src/drivers/routing.ts';
import type { World } from '../../src/drivers/world.ts';
import { CANARY_TOKEN, routeEntry, sha256, TestWorld, tenantEntry, until } from '../../src/gateway/test-world.ts';
import { type IndexedEvent, type LedgerClient, ledgerClient } from '../../src/ledger/client.ts';
import { startLedger } from '../../src/ledger/server.ts';
import type { Collector } from '../../src/observe/collector.ts';
import { auditCanary } from '../../src/observe/facts/audit-canary.ts';
import { type EmergencyDoor, emergencyAccess } from '../../src/observe/facts/emergency-access.ts';
import { gatewayCredentials } from '../../src/observe/facts/gateway-credentials.ts';
import type { TenantDoor } from '../../src/observe/facts/gateway-request.ts';
import { ledgerKeeping } from '../../src/observe/facts/ledger-keeping.ts';
import { localKeyProvider } from '../../src/vault/local-key-provider.ts';
import { LETTER_BOX_FILE } from '../../src/vault/vault.ts';

const FILLER = {
  at: '2026-01-02T03:04:05.678Z',
  type: 'request.served',
  class: 6003,
  actor: { kind: 'tenant', name: 'clinic' },
  subject: 'Workload/web',
  tenant: 'clinic',
  data: { status: 200 },
} as const;
const FOREIGN = 'key-of-nobody';
const world = new TestWorld();
const folder = join(world.folder, 'led');
const adminSocket = join(world.folder, 'admin.sock');
let ledger: LedgerClient;
let port = 0;

beforeAll(async () => {
  const vaultFolder = join(world.folder, 'vault');
  const vault = { dir: vaultFolder, provider: await localKeyProvider(join(vaultFolder, 'kek')) };
  const options = {
    vault,
    dir: folder,
    socketPath: join(world.folder, 'led.sock'),
    clock,
    log: createLog('ledger', 'silent'),
  };
  const running = await startLedger(options);
  ledger = ledgerClient(options.socketPath);
  // After the gateway, and before its folder goes.
  world.onClose(async () => {
    await ledger.close();
    await running.close();
  });
  world.tenants.push(
    tenantEntry('clinic', { requireKey: true, apiKeySha256: [sha256('key-clinic')] }),
    tenantEntry('open', { requireKey: false }),
    tenantEntry('kintsugi-canary', { hosts: [], regions: [], requireKey: true, apiKeySha256: [sha256(FOREIGN)] }),
  );
  world.routes.push(routeEntry('web'));
  await world.upstream((_, response) => void response.end('served'));
  world.publish();
  port = (await world.gateway({ ledger, adminSocket, letterBoxFile: join(vaultFolder, LETTER_BOX_FILE) })).port;
});

afterAll(() => world.close());

/** What the gateway says of itself. */
async function metrics(): Promise<string> {
  const asked = request({ socketPath: adminSocket, path: '/metrics' }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return text(answer);
}

const door = (name: string, over: Partial<TenantDoor> = {}): TenantDoor => {
  const place = { subject: name, tenants: [name], scheme: 'http' as const, host: '127.0.0.1', port };
  return { ...place, hostName: `${name}.test`, pathPrefix: '', headers: {}, requireKey: true, ...over };
};

async function measured(collector: Collector) {
  const facts = await collector.collect(new AbortController().signal);
  return Object.fromEntries(
    facts.map((f) => [f.name, f.measured.kind === 'value' ? f.measured.value : f.measured.reason]),
  );
}

function credentials(at: TenantDoor, foreignKey = FOREIGN) {
  const secrets = { canaryToken: () => new Redacted(CANARY_TOKEN), foreignKey: () => new Redacted(foreignKey) };
  return measured(gatewayCredentials({ doors: () => [at], ...secrets, clock, random }));
}

/** As nobody's tenant enters them at the path of a workload. */
const letIn = {
  carried: () => door('kintsugi-canary', { tenants: [], hostName: undefined }),
  nobodysKey: () => new Redacted(FOREIGN),
};

type Tail = (from: number, signal: AbortSignal) => AsyncIterable<IndexedEvent>;

function canary(at: TenantDoor, tail: Tail = (from, signal) => ledger.tail(from, signal)) {
  const options = { doors: () => [at], ...letIn, canaryToken: () => new Redacted(CANARY_TOKEN), clock, random };
  return measured(auditCanary({ ...options, ledger: { checkpoint: () => ledger.checkpoint(), tail } }));
}

describe('credentials at the gateway', () => {
  test('that nobody should accept are refused, and so is who has none', async () => {
    const facts = await credentials(door('clinic'));
    expect(facts['access.default.allowed']).toBe(0);
    // The kinds that were tried are no proof of those that were not.
    expect(facts['auth.probe.accepted']).toMatch(/were refused; expired and replayed ones are not tried/);
  });

  test('that are accepted all the same are counted', async () => {
    const at = door('clinic');
    expect(await credentials(at, 'key-clinic')).toMatchObject({ 'auth.probe.accepted': 2 });
    const lax = { ...door('open'), requireKey: true };
    expect(await credentials(lax)).toEqual({ 'auth.probe.accepted': 2, 'access.default.allowed': 1 });
  });

  test('where no key is asked for, strangers are the matter of the application', async () => {
    const facts = await credentials(door('open', { requireKey: false }));
    expect(facts['access.default.allowed']).toMatch(/the application has to/);
  });

  test('a gateway that is away has neither accepted nor refused', async () => {
    expect(await credentials(door('clinic', { port: 1 }))).toMatchObject({
      'auth.probe.accepted': 'it was refused with ECONNREFUSED',
    });
  });
});

describe('the way in for emergencies', () => {
  const snapshot = routingOf(
    { declared: { tenants: [], workloads: [], mitigations: [] }, instances: () => [] } as unknown as World,
    new Redacted('secret of probes'),
  );
  const tried = (
    doors: readonly Partial<EmergencyDoor>[] = [{}],
    tail: Tail = (from, signal) => ledger.tail(from, signal),
  ) =>
    emergencyAccess({
      tenants: () => doors.map((each) => ({ tenant: 'clinic', isDeclared: true, isRouted: true, ...each })),
      held: () => heldDoor({ gateway: port, api: 0, scheme: 'http', internal: 0, regions: [] }),
      keys: () => heldKeys(new Redacted('secret of probes')),
      canaryToken: () => new Redacted(CANARY_TOKEN),
      ledger: { checkpoint: () => ledger.checkpoint(), tail },
      clock,
      random,
    }).collect(new AbortController().signal);
  /** What control writes, with the canary's tenant as it is given; resolves once the gateway goes by it. */
  const publish = async (held: Partial<ReturnType<typeof tenantEntry>> = {}, mitigations = snapshot.mitigations) => {
    const canaries = snapshot.tenants.filter(({ name }) => name === HELD_CANARY).map((each) => ({ ...each, ...held }));
    world.tenants.splice(3, Number.POSITIVE_INFINITY, ...canaries);
    world.mitigations = mitigations;
    world.publish();
    await until(async () => (await metrics()).includes(`kintsugi_gateway_snapshot_revision ${world.revision}\n`));
  };

  test('lets a key for emergencies past a quarantine that keeps others out, and both are on record', async () => {
    await publish();
    const from = (await ledger.entries(0, 1_000)).length;
    expect(await tried()).toMatchObject([{ subject: 'clinic', measured: { kind: 'value', value: true } }]);
    const since = (await ledger.entries(from, 1_000)).map(({ event }) => event);
    const left = since.filter(({ tenant }) => tenant === HELD_CANARY);
    // Here every path is one of a workload; there is no region in which anybody would serve the canary.
    expect(left.map(({ type, tenant, data }) => [type, tenant, data['reason'], data['instance']])).toEqual([
      ['request.refused', HELD_CANARY, 'gateway.quarantined', undefined],
      ['request.served', HELD_CANARY, undefined, null],
    ]);
    world.routes[0] = routeEntry('web', { pathPrefix: '/web' });
    await publish();
    expect(await tried()).toMatchObject([{ measured: { value: true } }]);
    world.routes[0] = routeEntry('web');
  });

  test('that is shut is found, and so is a tenant whose keys the gateways were not told', async () => {
    await publish();
    expect(await tried([{ isRouted: false }])).toMatchObject([{ measured: { value: false } }]);
    await publish({ emergencyKeySha256: [] });
    expect(await tried()).toMatchObject([{ measured: { value: false, detail: 'a key for emergencies was kept out' } }]);
  });

  test('proves nothing where no quarantine holds, or nothing is recorded', async () => {
    await publish({}, []);
    const [open] = await tried();
    expect(open?.measured).toMatchObject({ reason: 'the canary that is kept out was answered carried' });
    await publish();
    const [silent] = await tried([{}], async function* () {});
    expect(silent?.measured).toMatchObject({ reason: 'its entry did not appear in the ledger' });
  });

  test('is not known of a tenant that declares none', async () => {
    expect(await tried([{ isDeclared: false }])).toEqual([]);
  });
});

describe('a canary in the ledger', () => {
  test('is found with its fields, in seconds, and marked as a probe', async () => {
    const facts = await canary(door('clinic'));
    expect(facts).toMatchObject({ 'audit.canary.fieldsMissing': 0 });
    expect(facts['audit.canary.missing']).toBe(0);
    expect(facts['audit.canary.seconds']).toBeLessThan(10);
    const entries = (await ledger.entries(0, 1_000)).map(({ event }) => event);
    for (const kind of ['request.refused', 'request.served']) {
      const own = entries.filter(({ type }) => type === kind);
      expect(own.length).toBeGreaterThan(0);
      expect(own.every(({ data }) => data['canary'] === true)).toBe(true);
    }
    // Nobody is told of requests that nobody sent.
    expect(await metrics()).not.toContain('tenant="kintsugi-canary"');
  });

  test('of one that is let in is missing by itself, and not known where no path is public', async () => {
    const before = (await ledger.entries(0, 1_000)).length;
    const refusedAlone: Tail = async function* (_from, signal) {
      const seen = new Set<string>();
      for await (const each of ledger.tail(before, signal)) {
        if (each.event.type !== 'request.served') yield each;
        if (seen.add(each.event.type).size === 2) return;
      }
    };
    expect(await canary(door('clinic'), refusedAlone)).toMatchObject({
      'audit.canary.missing': 1,
      'audit.canary.seconds': 'an access that was let in did not appear within 20 s',
    });
    const own = { doors: () => [door('clinic')], ...letIn, carried: () => undefined };
    const collector = auditCanary({ ...own, canaryToken: () => new Redacted(CANARY_TOKEN), ledger, clock, random });
    expect((await measured(collector))['audit.canary.missing']).toMatch(/no workload has a public path/);
  });

  test('that is dropped on its way is missing', async () => {
    const silent = async function* () {};
    expect(await canary(door('clinic'), silent)).toMatchObject({ 'audit.canary.missing': 2 });
  });

  test('of a ledger that stands still is missing too, where it was seen before', async () => {
    let isStill = false;
    const checkpoint = () => (isStill ? new Promise<string>(() => undefined) : ledger.checkpoint());
    const tail: Tail = (from, signal) => (isStill ? (async function* () {})() : ledger.tail(from, signal));
    const secrets = { ...letIn, canaryToken: () => new Redacted(CANARY_TOKEN), clock, random };
    const collector = auditCanary({ doors: () => [door('clinic')], ...secrets, ledger: { checkpoint, tail } });
    expect((await measured(collector))['audit.canary.missing']).toBe(0);
    isStill = true;
    expect(await measured(collector)).toMatchObject({ 'audit.canary.missing': 1 });
  });

  test('without a field that evidence needs is told by the number of fields', async () => {
    const stripped: Tail = async function* (from, signal) {
      for await (const { index, event } of ledger.tail(from, signal)) {
        const { status: _, ...data } = event.data;
        yield { index, event: { ...event, data } };
      }
    };
    expect(await canary(door('clinic'), stripped)).toMatchObject({ 'audit.canary.fieldsMissing': 2 });
  });

  test('of somebody who only says that it is a probe is not marked', async () => {
    const before = (await ledger.entries(0, 1_000)).length;
    const canaryToken = () => new Redacted('guessed');
    await measured(auditCanary({ doors: () => [door('clinic')], ...letIn, canaryToken, ledger, clock, random }));
    const [entry] = await ledger.entries(before, 1);
    expect(entry?.event.data['canary']).toBeUndefined();
  });
});

describe('the keeping of the ledger', () => {
  const keeping = (over: Partial<LedgerClient> = {}, at = folder) => {
    const entries = (from: number, limit: number) => ledger.entries(from, limit);
    const keepDays = () => ledger.keepDays();
    const calls = { entries, first: () => ledger.first(), keepDays, selfCheck: () => ledger.selfCheck(), ...over };
    return measured(ledgerKeeping({ ledger: calls, folder: at, clock }));
  };

  test('is sound when it has read itself and its first entry comes back', async () => {
    // It reads itself by tiles of 256 entries, and what does not fill one yet is left to the next round.
    await ledger.append(Array.from({ length: 300 }, (_, index) => ({ ...FILLER, id: `filler-${index}` })));
    await expect.poll(async () => (await keeping())['audit.chain.valid'], { timeout: 10_000 }).toBe(true);
    const facts = await keeping();
    expect(facts).toMatchObject({ 'audit.retention.missingDays': 0, 'audit.readers.surplus': 0 });
  });

  test('is not when what is on disk is not what was written, or the first entry is gone', async () => {
    const fault = { reason: 'entry 7 is not what was written', index: 7 };
    const facts = await keeping({
      selfCheck: async () => ({ checked: 0, size: 9, coverage: 1, rounds: 1, fault }),
      entries: async () => [],
    });
    expect(facts['audit.chain.valid']).toBe(false);
    expect(facts['audit.retention.missingDays']).toBe('its oldest entry could not be brought back');
  });

  test('after it was pruned, days are missing before the oldest entry that is left', async () => {
    await ledger.append([{ ...FILLER, id: 'left' }]);
    const facts = await keeping({ first: async () => 1 });
    expect(facts).toMatchObject({ 'audit.retention.missingDays': 366, 'audit.retention.readyMissingDays': 92 });
    const old = async () => {
      const [entry] = await ledger.entries(1, 1);
      const at = toIso(clock.now() - 99.5 * 86_400_000);
      return entry ? [{ ...entry, event: { ...entry.event, at } }] : [];
    };
    const later = await keeping({ first: async () => 1, entries: old });
    expect(later).toMatchObject({ 'audit.retention.missingDays': 267, 'audit.retention.readyMissingDays': 0 });
  });

  test('is told to be too short before anything is missing, by what its process goes by, until it is raised', async () => {
    expect((await keeping())['audit.retention.shortDays']).toBe(0);
    writeFileSync(join(folder, 'retention.json'), '{ "keepDays": 400, "types": { "request.": 30 } }');
    expect((await keeping())['audit.retention.shortDays']).toBe(336);
    const parts = new LedgerParts({ folder, clock });
    const [setting] = (await parts.look()).settings;
    const { id, value } = setting!;
    await parts.set({ setting: id, value: '366', oldValue: value, expectedRevision: 1, key: 'pln_1-0' });
    expect((await keeping())['audit.retention.shortDays']).toBe(0);
    rmSync(join(folder, 'retention.json'));
  });

  test('names who else can reach its files', async () => {
    const open = join(world.folder, 'open-to-all');
    mkdirSync(join(open, 'segment'), { recursive: true });
    chmodSync(open, 0o755);
    chmodSync(join(open, 'segment'), 0o777);
    expect((await keeping({}, open))['audit.readers.surplus']).toBe(1);
  });
});
