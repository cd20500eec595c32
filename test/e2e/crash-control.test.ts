/** The control process of a whole stack is killed, or stands still, in the middle of the repairs that it decided on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { SocketClient } from '../../src/base/socket-http.ts';
import type { IncidentAnswer, IncidentSummary, Status } from '../../src/cli/answers.ts';
import { readKeeperRecord } from '../../src/drivers/process/keeper-record.ts';
import type { MoveName } from '../../src/resources/playbook.ts';
import { ClinicLoad } from './clinic-load.ts';
import { ROOT, until } from './program.ts';
import { Replica } from './replica.ts';
import { markedPids, Stack } from './stack.ts';

const TEST_MS = 300_000;
const EXAMPLE = join(ROOT, 'examples', 'clinic');

let stack: Stack;

/** The deaths of this file alone come near the number at which the healer only observes. */
const PATIENT = `apiVersion: kintsugi.dev/v1alpha1
kind: Policy
metadata: { name: default }
spec: { thresholds: { healer-health.takeoversMax: 50 } }
`;

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
  const policy = join(stack.state.root, 'policy.yaml');
  writeFileSync(policy, PATIENT);
  const { code, err } = await stack.cli('apply', '-f', policy);
  if (code !== 0) throw new Error(err);
}, 150_000);

afterAll(() => stack.close(), 150_000);

type Story = IncidentAnswer['repairs'][number];

const call = <T>(control: SocketClient, path: string) => control.call<T>('GET', path, undefined, clock.deadline(5_000));

async function storiesOf(control: SocketClient, incident: string): Promise<readonly Story[]> {
  return (await call<IncidentAnswer>(control, `/v1/incidents/${incident}`)).repairs;
}

async function incidentsSince(control: SocketClient, known: ReadonlySet<string>): Promise<readonly IncidentSummary[]> {
  const { incidents } = await call<{ incidents: IncidentSummary[] }>(control, '/v1/incidents?limit=100');
  return incidents.filter(({ id }) => !known.has(id));
}

const movesOf = ({ plan }: Story) => plan.steps.map((step) => step.move);

/** Resolves with the first incident that was not known and is repaired by the move, once the journal holds the event. */
function untilWritten(move: MoveName, event: string, known: ReadonlySet<string>): Promise<IncidentSummary> {
  return until(`a repair by ${move} has ${event} in its journal`, async () => {
    const seen: string[] = [];
    for (const incident of await incidentsSince(stack.control, known)) {
      const repairs = (await storiesOf(stack.control, incident.id)).filter((each) => movesOf(each).includes(move));
      if (repairs.some(({ journal }) => journal.some((entry) => entry.event === event))) return incident;
      seen.push(`${incident.cause} ${incident.subject}: ${JSON.stringify(incident.refusal)}`);
    }
    throw new Error(`there is ${seen.join('; ') || 'no incident'}`);
  });
}

const idsOf = async () => new Set((await stack.incidents()).map(({ id }) => id));

/** Who runs, as the system sees it: an instance that was started twice shows here. */
const runningIds = () =>
  markedPids(stack.state)
    .map(({ id }) => id)
    .toSorted();

/** One intent for each step and no other repair at work on it: whoever went on with it went on with this one. */
function expectOneStory({ journal, outcome }: Story): void {
  const told = journal.map(({ event, moveIndex }) => `${event} ${moveIndex}`);
  const story = journal.map(({ at, event, moveIndex, data }) => `${at} ${event} ${moveIndex} ${JSON.stringify(data)}`);
  expect(outcome, story.join('\n')).toBe('healed');
  expect(new Set(told).size, story.join('\n')).toBe(told.length);
}

async function killControl(): Promise<void> {
  await stack.keeper.signal('control', { signal: 'SIGKILL', reason: 'test' });
}

/**
 * Breaks something, kills control at the event of the repair by this move, and so often again as soon as the next one has
 * taken it up. Resolves once it was healed all the same, by one story and by that move.
 */
async function killControlAt(
  [move, event]: readonly [MoveName, string],
  fault: () => Promise<unknown>,
  again = 0,
): Promise<void> {
  const known = await idsOf();
  const injected = fault();
  const { id } = await untilWritten(move, event, known);
  await killControl();
  for (let times = 0; times < again; times++) {
    await until('the next leader goes on with it', async () => {
      const { leading, repairs } = await stack.status();
      return leading && repairs.length > 0;
    });
    await killControl();
  }
  await until('the incident is closed', async () => (await stack.incident(id)).incident.state === 'closed');
  await injected;
  const repair = (await storiesOf(stack.control, id)).find((each) => movesOf(each).includes(move));
  if (!repair) throw new Error(`incident ${id} has no repair by ${move}`);
  expectOneStory(repair);
  await until('everything is ready', async () =>
    (await stack.status()).workloads.every(({ instances }) => instances.every(({ ready }) => ready)),
  );
  const ids = runningIds();
  expect(new Set(ids).size).toBe(ids.length);
}

async function kill9(workload: string, region: string): Promise<void> {
  process.kill((await stack.instance(workload, region)).pid, 'SIGKILL');
}

test(
  'a replacement, and a restart in place',
  async () => {
    await killControlAt(['replace', 'applied'], () => kill9('payments', 'eu'));
    await killControlAt(['restart', 'intent'], () => kill9('database', 'us'));
    await killControlAt(['replace', 'intent'], () => kill9('records', 'eu'), 1);
  },
  TEST_MS,
);

test(
  'a rollback, and a revert of a configuration',
  async () => {
    await until('version 1 has soaked', async () => (await stack.workload('records')).lastKnownGood === 1);
    const load = await ClinicLoad.start(stack);
    const apply = (file: string) => () => stack.cli('apply', '-f', join(EXAMPLE, file));
    await killControlAt(['rollback', 'intent'], apply('release-2.yaml'));
    await killControlAt(['revert', 'intent'], apply('bad-config.yaml'));
    expect((await stack.workload('records')).instances).toHaveLength(4);
    await load.stop();
  },
  TEST_MS,
);

test(
  'a leader that stands still does nothing when it wakes up after another has ended its repair',
  async () => {
    const replica = await Replica.start(stack);
    try {
      await until('the replica watches', async () => !(await call<Status>(replica.control, '/v1/status')).leading);
      const known = await idsOf();
      await kill9('payments', 'eu');
      const { id } = await untilWritten('replace', 'intent', known);
      await stack.keeper.signal('control', { signal: 'SIGSTOP', reason: 'test' });
      await until('the replica leads', async () => (await call<Status>(replica.control, '/v1/status')).leading);
      const closed = await until('the incident is closed', async () => {
        const answer = await call<IncidentAnswer>(replica.control, `/v1/incidents/${id}`);
        return answer.incident.state === 'closed' && answer;
      });
      expectOneStory(closed.repairs[0]!);
      const running = runningIds();
      await stack.keeper.signal('control', { signal: 'SIGCONT', reason: 'test' });
      await until('the former leader watches', async () => !(await stack.status()).leading);
      expect(runningIds()).toEqual(running);
      expect((await storiesOf(replica.control, id))[0]).toEqual(closed.repairs[0]);
      await expectFenced();
    } finally {
      await replica.close();
    }
  },
  TEST_MS,
);

/** The keeper has the epoch of the one that leads on record, and takes nothing under an earlier one. */
async function expectFenced(): Promise<void> {
  const { epoch } = readKeeperRecord(stack.state.keeperFile);
  const { id } = await stack.instance('payments');
  const late = stack.keeper.stop(id, { epoch: epoch - 1, signal: 'SIGTERM', killAfterMs: 0, reason: 'late' });
  await expect(late).rejects.toMatchObject({ code: 'keeper.refused' });
}
