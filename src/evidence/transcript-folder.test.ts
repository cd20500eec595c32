import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { withTranscripts } from './assembly.ts';
import { OwnWords } from './own-words.ts';
import { SAMPLE } from './sample-dossier.ts';
import { readTranscript, TranscriptFolder } from './transcript-folder.ts';

const DAY_S = 86_400;

let root: string;
let folder: string;
const faults: unknown[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kintsugi-transcripts-'));
  folder = join(root, 'transcripts');
  faults.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = () => new TranscriptFolder({ folder, clock: systemClock, onFault: (error) => faults.push(error) });
const namesOf = () => readdirSync(folder).toSorted();

async function keep(transcripts: TranscriptFolder, transcript: unknown): Promise<string> {
  const digest = transcripts.keep(transcript);
  await transcripts.settled();
  if (digest === null) throw new Error('not kept');
  return digest;
}

/** As if it had been written two days ago. */
function age(digest: string): void {
  const at = systemClock.now() / 1_000 - 2 * DAY_S;
  utimesSync(join(folder, digest.slice('sha256:'.length)), at, at);
}

test('what is kept is found by its digest, and the same is kept once', async () => {
  const transcripts = open();
  const digest = await keep(transcripts, { b: 1, a: ['TLSv1.3'] });
  expect(await keep(open(), { a: ['TLSv1.3'], b: 1 })).toBe(digest);
  expect(namesOf()).toHaveLength(1);
  expect(readTranscript(folder, digest)?.toString()).toBe('{"a":["TLSv1.3"],"b":1}');
});

test('bytes that are not what the digest says are not there, and no name leads out of the folder', async () => {
  const digest = await keep(open(), { a: 1 });
  writeFileSync(join(folder, digest.slice('sha256:'.length)), '{"a":2}');
  expect(readTranscript(folder, digest)).toBeUndefined();
  expect(readTranscript(folder, 'sha256:../../secrets/token')).toBeUndefined();
});

test('one that is too long is not kept', () => {
  expect(open().keep({ rows: 'x'.repeat(70_000) })).toBeNull();
});

test('what a fact rests on stays, however old; the rest goes after a day, and can be kept again', async () => {
  const transcripts = open();
  const [live, old, young] = [
    await keep(transcripts, 'live'),
    await keep(transcripts, 'old'),
    await keep(transcripts, 'young'),
  ];
  for (const digest of [live, old]) age(digest);
  await transcripts.prune(new Set([live]));
  expect(namesOf()).toEqual([live, young].map((each) => each.slice('sha256:'.length)).toSorted());
  expect(await keep(transcripts, 'old')).toBe(old);
  expect(readTranscript(folder, old)).toBeDefined();
});

test('a folder that cannot be written is told, harms no measurement, and is tried again', async () => {
  const transcripts = open();
  writeFileSync(folder, 'a file in its place');
  expect(transcripts.keep('one')).toMatch(/^sha256:/);
  await transcripts.settled();
  expect(faults).toHaveLength(1);
  rmSync(folder);
  const digest = await keep(transcripts, 'one');
  expect(readTranscript(folder, digest)).toBeDefined();
});

test('a report points to no transcript that is gone or that names another tenant', () => {
  const [first] = SAMPLE.controls.flatMap(({ observations }) =>
    observations.flatMap(({ transcript }) => transcript ?? []),
  );
  const pointed = (given: ReturnType<typeof withTranscripts>) =>
    given.dossier.controls.flatMap(({ observations }) => observations.flatMap(({ transcript }) => transcript ?? []));
  const words = new OwnWords('clinic-de', ['clinic-de', 'shop']);
  const own = withTranscripts(SAMPLE, () => Buffer.from('{"store":"postgresql/shop-front/eu"}'), words);
  expect(pointed(own)).toContain(first);
  expect([...own.transcripts.keys()]).toContain(first);
  const foreign = withTranscripts(SAMPLE, () => Buffer.from('{"tenant":"shop"}'), words);
  expect([pointed(foreign), foreign.transcripts.size]).toEqual([[], 0]);
  expect(pointed(withTranscripts(SAMPLE, () => undefined, words))).toEqual([]);
});
