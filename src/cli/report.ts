import { Option, type Command } from 'commander';
import { assert } from '../base/assert.ts';
import { fromIso, toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { PRODUCT } from '../base/product.ts';
import { dossierOf, type Standing, withTranscripts } from '../evidence/assembly.ts';
import { contentFiles, type Evidence, manifestOf, RECEIPT_FILE, sha256, sign } from '../evidence/bundle.ts';
import { writeBundle } from '../evidence/bundle-folder.ts';
import type { Dossier } from '../evidence/dossier.ts';
import { entriesOf, tallyOf } from '../evidence/dossier-tally.ts';
import { openEvidenceKey } from '../evidence/dsse.ts';
import { OwnWords } from '../evidence/own-words.ts';
import { StoryReader, type StoryScope } from '../evidence/story.ts';
import { readTranscript } from '../evidence/transcript-folder.ts';
import { indexOfEvent, receiptOf } from '../ledger/receipt.ts';
import { parseCheckpoint } from '../ledger/tlog/checkpoint.ts';
import { httpSource } from '../ledger/tlog/http-source.ts';
import { type LogSource, readCheckpointNote } from '../ledger/tlog/log-source.ts';
import { textOfNote } from '../ledger/tlog/signed-note.ts';
import { readEntries } from '../ledger/verify.ts';
import type { Binder, Invocation } from './invocation.ts';

/** A checkpoint follows an entry within a second; the outbox is emptied as often. */
const RECEIPT_MS = 60_000;
const LOOK_MS = 250;
/** A ledger of months is read from end to end. */
const REPORT_MS = 15 * 60_000;
const PERIOD_MS = 30 * 86_400_000;

interface ReportOptions {
  readonly tenant: string;
  readonly framework: string;
  readonly from?: number;
  readonly to?: number;
  readonly out: string;
  readonly by?: string;
}

export function declareReport(program: Command, binder: Binder): void {
  const report = program
    .command('report')
    .description('write a bundle of evidence: one tenant, one framework, one period; see `evidence verify`')
    .requiredOption('--tenant <name>', 'whose')
    .requiredOption('--framework <name>', 'under which regulation, as its profile is named')
    .addOption(new Option('--from <time>', 'ISO 8601; 30 days before the end when left out').argParser(timeOf))
    .addOption(new Option('--to <time>', 'ISO 8601; now when left out').argParser(timeOf))
    .requiredOption('-o, --out <folder>', 'a folder that does not exist yet')
    .option('--by <name>', 'who asks for it, for the record');
  binder.bind<ReportOptions>(report, runReport);
}

function timeOf(text: string): number {
  const at = fromIso(text.includes('T') ? text : `${text}T00:00:00Z`);
  if (Number.isNaN(at))
    throw new KinError('usage.invalid', `${text} is not a time such as 2026-11-01 or 2026-11-01T08:00:00Z`);
  return at;
}

async function runReport(invocation: Invocation, options: ReportOptions): Promise<void> {
  const { tenant, framework, out } = options;
  const now = invocation.context.clock.now();
  const to = Math.min(options.to ?? now, now);
  const from = options.from ?? to - PERIOD_MS;
  if (from >= to) throw new KinError('usage.invalid', 'the period ends before it begins');
  if (invocation.hasToken) return receiveReport(invocation, options, { from: toIso(from), to: toIso(to) });
  const standing = await invocation.ask<Standing>(
    'GET',
    `/v1/standing?${new URLSearchParams({ tenant, framework, from: toIso(from), to: toIso(to) }).toString()}`,
  );
  const scope: StoryScope = { tenant, framework, tenants: standing.tenants, from, to };
  const ledger = ledgerSource(invocation);
  const { origin } = await headOf(ledger);
  const { story, indices } = await invocation.waiting('the ledger', readStory(invocation, scope));
  const told = dossierOf(standing, story, scope, { madeAt: toIso(now), madeBy: PRODUCT, ledger: origin });
  const { dossier, transcripts } = withTranscripts(
    told,
    (digest) => readTranscript(invocation.state.transcripts, digest),
    new OwnWords(tenant, standing.tenants),
  );
  const receipts = await invocation.waiting('the receipts', receiptsFor(invocation, ledger, dossier, indices));
  const bundle = invocation.waiting(
    'the bundle',
    bundleOf(invocation, options, { dossier, profile: standing.profile, receipts, transcripts }),
  );
  writeBundle(out, await bundle);
  const tally = tallyOf(dossier);
  invocation.print({ folder: out, tenant, framework, from: dossier.from, to: dossier.to, ledger: origin, tally }, () =>
    [
      `evidence of ${tenant} under ${framework} written to ${out}`,
      `  ${dossier.from} to ${dossier.to}: ${tally.satisfied} satisfied, ${tally.notSatisfied} not satisfied, ${tally.unknown} not determined`,
      `  read ${out}/report.html; check it with: kintsugi evidence verify ${out} --public-key "$(kintsugi ledger key)"`,
      '',
    ].join('\n'),
  );
}

/** Whoever has a token and no ledger lets control make it. */
async function receiveReport(
  invocation: Invocation,
  { tenant, framework, out, by }: ReportOptions,
  period: { readonly from: string; readonly to: string },
): Promise<void> {
  const question = { tenant, framework, ...period, by: invocation.actor(by) };
  const { files } = await invocation.ask<{ files: Record<string, string> }>('POST', '/v1/reports', question, REPORT_MS);
  const bundle = Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'base64')] as const);
  writeBundle(out, new Map(bundle));
  invocation.print({ folder: out, tenant, framework, ...period }, () =>
    [
      `evidence of ${tenant} under ${framework} written to ${out}`,
      `  read ${out}/report.html; check it with: kintsugi evidence verify ${out} --public-key <key of the ledger>`,
      '',
    ].join('\n'),
  );
}

function ledgerSource({ state, context }: Invocation): LogSource {
  const deadline = () => context.clock.deadline(RECEIPT_MS);
  return httpSource({ url: 'http://ledger', socketPath: state.socket('ledger'), deadline });
}

async function headOf(source: LogSource) {
  const checkpoint = parseCheckpoint(textOfNote(await readCheckpointNote(source)) ?? '');
  if (!checkpoint) throw new KinError('ledger.unreachable', 'the ledger gives no checkpoint');
  return checkpoint;
}

async function readStory({ state }: Invocation, scope: StoryScope) {
  const reader = new StoryReader(scope);
  const indices = new Map<string, number>();
  for await (const { index, event } of readEntries(state.ledger)) {
    // Requests are many, and no part of the story.
    if (event.type.startsWith('request.')) continue;
    reader.take(event);
    indices.set(event.id, index);
  }
  return { story: reader.done(), indices };
}

async function receiptsFor(
  invocation: Invocation,
  source: LogSource,
  dossier: Dossier,
  indices: ReadonlyMap<string, number>,
): Promise<Evidence['receipts']> {
  const receipts = new Map<string, string>();
  for (const id of entriesOf(dossier)) {
    const index = indices.get(id);
    assert(index !== undefined, 'the dossier names entries that were read');
    receipts.set(id, await untilReceipt(invocation, source, index));
  }
  return receipts;
}

/** Waits for the checkpoint that covers the entry. */
async function untilReceipt({ context: { clock } }: Invocation, source: LogSource, index: number): Promise<string> {
  const deadline = clock.deadline(RECEIPT_MS);
  for (;;) {
    const receipt = await receiptOf(source, index);
    if (receipt) return receipt.text;
    if (deadline.aborted) throw new KinError('ledger.unreachable', `entry ${index} is under no checkpoint yet`);
    await clock.sleep(LOOK_MS);
  }
}

/** Has the manifest put on record, and adds the receipt of that. */
async function bundleOf(invocation: Invocation, { tenant, framework, by }: ReportOptions, evidence: Evidence) {
  const files = await contentFiles(evidence);
  const manifest = manifestOf(evidence.dossier, files);
  const key = openEvidenceKey(invocation.state.secrets);
  sign(files, manifest, key);
  const { from, to } = evidence.dossier;
  const made = { tenant, framework, from, to, manifest: sha256(manifest), key: key.id, by: invocation.actor(by) };
  const { entry } = await invocation.ask<{ entry: string }>('POST', '/v1/evidence', made);
  files.set(RECEIPT_FILE, Buffer.from(await receiptOfEvent(invocation, entry)));
  return files;
}

async function receiptOfEvent(invocation: Invocation, id: string): Promise<string> {
  const { clock } = invocation.context;
  const source = ledgerSource(invocation);
  const deadline = clock.deadline(RECEIPT_MS);
  for (;;) {
    const { size } = await headOf(source);
    const index = await indexOfEvent(source, id, size).catch(() => undefined);
    if (index !== undefined) return untilReceipt(invocation, source, index);
    if (deadline.aborted) throw new KinError('ledger.unreachable', `entry ${id} has not reached the ledger`);
    await clock.sleep(LOOK_MS);
  }
}
