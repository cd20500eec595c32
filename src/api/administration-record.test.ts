import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlApi, startControlApi } from '../../test/fixtures/control-api.ts';
import { systemClock as clock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { type SocketClient, socketClient } from '../base/socket-http.ts';
import { systemRandom as random } from '../base/random.ts';
import { type IndexedEvent, type LedgerClient, ledgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { type RunningLedger, startLedger } from '../ledger/server.ts';
import { administrationRecord } from './administration-record.ts';
import { TokenStore } from './access/token-store.ts';

let api: ControlApi;
let ledger: RunningLedger;
let client: LedgerClient;

beforeAll(async () => {
  api = await startControlApi(['clinic-de'], ['pci-dss-4.0.1']);
  const { state } = api.control.options;
  const socketPath = state.socket('ledger');
  ledger = await startLedger({
    dir: state.ledger,
    socketPath,
    recordsTurns: true,
    clock,
    log: createLog('l', 'silent'),
  });
  client = ledgerClient(socketPath);
}, 60_000);
afterAll(async () => {
  await client?.close();
  // Before its folder goes.
  await ledger?.close();
  await api?.close();
});

/** As control tries it, with a ledger in which some entries are otherwise or absent for who looks. */
async function measured(seen: (event: LedgerEvent) => LedgerEvent | undefined) {
  const { options, lease, record } = api.control;
  const shown = ({ index, event }: IndexedEvent) => [seen(event)].flatMap((it) => (it ? [{ index, event: it }] : []));
  let revoked: string | undefined;
  async function* tail(from: number, signal: AbortSignal) {
    for await (const each of client.tail(from, signal)) {
      yield* shown(each);
      if (each.event.type === 'token.revoked' && each.event.subject === revoked) return;
    }
  }
  const enter = () => {
    const door = socketClient(options.state.socket('control'), 'control.unreachable');
    const call: SocketClient['call'] = (method, path, ...rest) => {
      revoked = /tokens\/(.+)\/revoke/.exec(path)?.[1] ?? revoked;
      return door.call(method, path, ...rest);
    };
    return { call, close: () => door.close() };
  };
  const entries = async (from: number, limit: number) => (await client.entries(from, limit)).flatMap(shown);
  const ledger = { checkpoint: () => client.checkpoint(), startedAt: () => client.startedAt(), entries, tail };
  const collector = administrationRecord({ ...options, lease, record, clock, random, ledger, enter });
  for (;;) {
    const facts = await api.leading(() => collector.collect(new AbortController().signal));
    const found = facts.map((each) =>
      each.measured.kind === 'value' ? [each.measured.value, each.measured.detail] : each.measured.reason,
    );
    // On a busy machine the lead is lost for a moment.
    if (found.length > 0 && !found.some((each) => /lead|lease/.test(String(each)))) return found;
  }
}

test('what is done at the API is found with all that it needs, and nothing but its entries stays', async () => {
  expect(await measured((event) => event)).toEqual([
    [0, undefined],
    [0, undefined],
  ]);
  const tokens = new TokenStore({ ...api.control.options, ...api.control });
  // Control tries it too, at its own time.
  await expect.poll(() => tokens.list(), { timeout: 10_000 }).toEqual([]);
  const types = (await client.entries(0, 1_000)).map(({ event }) => event.type);
  expect(types).toEqual(expect.arrayContaining(['ledger.started', 'token.created', 'evidence.made', 'token.revoked']));
});

test('what is not on record is missing by its name, and so is a start of the ledger', async () => {
  const hidden = new Set(['token.created', 'ledger.started']);
  expect(await measured((event) => (hidden.has(event.type) ? undefined : event))).toEqual([
    [2, 'a credential that was made; the start of the recording'],
    [0, undefined],
  ]);
});

test('what an entry lacks is told with the kind of action', async () => {
  const bare = ({ data, ...event }: LedgerEvent) => ({ ...event, data: { ...data, door: null } });
  expect(await measured((event) => (event.type === 'evidence.made' ? bare(event) : event))).toEqual([
    [0, undefined],
    [1, 'origin of a look at the record'],
  ]);
});
