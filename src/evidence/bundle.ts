import { digestOf } from '../base/digest.ts';
import { canonicalJson } from '../base/json.ts';
import { assessmentResults, type BoundFile } from './assessment-results.ts';
import { PROFILE_FILE, receiptPath, transcriptPath } from './bundle-paths.ts';
import type { Dossier } from './dossier.ts';
import { type EvidenceKey, formatEnvelope, signEnvelope } from './dsse.ts';
import { reportPage } from './report-page.ts';
import { reportPdf } from './report-pdf.ts';

export const MANIFEST_FILE = 'manifest.json';
export const SIGNATURE_FILE = 'manifest.dsse.json';
export const RECEIPT_FILE = 'manifest.tlog-proof';
export const KEY_FILE = 'evidence-key.pem';
export const DOSSIER_FILE = 'dossier.json';
export const OSCAL_FILE = 'assessment-results.json';
const PAGE_FILE = 'report.html';
const PDF_FILE = 'report.pdf';
/** What is in a bundle and not in its manifest: the manifest itself, and what vouches for it. */
export const OUTSIDE: ReadonlySet<string> = new Set([MANIFEST_FILE, SIGNATURE_FILE, RECEIPT_FILE, KEY_FILE]);

export const STATEMENT_TYPE = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'https://kintsugi.dev/evidence/v1';

/** What a bundle is made of. */
export interface Evidence {
  readonly dossier: Dossier;
  /** The framework as it was judged by: controls, parameters, checks. */
  readonly profile: unknown;
  /** By digest, `sha256:...`: the bytes that a collector kept of a measurement. */
  readonly transcripts: ReadonlyMap<string, Uint8Array>;
  /** By id of an entry of the ledger: its receipt, C2SP tlog-proof. */
  readonly receipts: ReadonlyMap<string, string>;
}

/** The files of a bundle by their paths. */
export type BundleFiles = Map<string, Uint8Array>;

/**
 * The files that say something, from the dossier to the transcripts: the same evidence, the same bytes. A verifier makes
 * the page, the PDF and the OSCAL document again from the dossier, and compares.
 */
export async function contentFiles({ dossier, profile, transcripts, receipts }: Evidence): Promise<BundleFiles> {
  const files: BundleFiles = new Map();
  for (const [digest, bytes] of transcripts) files.set(transcriptPath(digest), bytes);
  for (const [entry, text] of receipts) files.set(receiptPath(entry), Buffer.from(text));
  files.set(PROFILE_FILE, Buffer.from(`${JSON.stringify(profile, null, 2)}\n`));
  files.set(DOSSIER_FILE, Buffer.from(`${JSON.stringify(dossier, null, 2)}\n`));
  for (const [path, bytes] of await renderings(dossier, files)) files.set(path, bytes);
  return files;
}

/** What follows from the dossier and from the files that lie beside it. */
export async function renderings(dossier: Dossier, beside: BundleFiles): Promise<BundleFiles> {
  const bound = [...beside].map(
    ([path, bytes]): BoundFile => ({
      path,
      mediaType: mediaTypeOf(path),
      sha256: sha256(bytes),
      title: titleOf(path),
    }),
  );
  bound.sort((a, b) => (a.path < b.path ? -1 : 1));
  const oscal = assessmentResults(dossier, bound);
  return new Map<string, Uint8Array>([
    [OSCAL_FILE, Buffer.from(`${JSON.stringify(oscal, null, 2)}\n`)],
    [PAGE_FILE, Buffer.from(reportPage(dossier))],
    [PDF_FILE, await reportPdf(dossier)],
  ]);
}

/** The statement that binds all files: in-toto Statement v1, canonical. */
export function manifestOf(dossier: Dossier, files: BundleFiles): Buffer {
  const { tenant, framework, from, to, madeAt, madeBy, ledger } = dossier;
  const subject = [...files]
    .map(([name, bytes]) => ({ name, digest: { sha256: sha256(bytes) } }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const predicate = { tenant: tenant.name, framework: framework.name, from, to, madeAt, madeBy, ledger };
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType: PREDICATE_TYPE, predicate };
  return Buffer.from(canonicalJson(statement));
}

/** Adds the manifest, its signature and the key that made it. The receipt of the manifest follows when the ledger has it. */
export function sign(files: BundleFiles, manifest: Buffer, key: EvidenceKey): void {
  files.set(MANIFEST_FILE, manifest);
  files.set(SIGNATURE_FILE, Buffer.from(formatEnvelope(signEnvelope(STATEMENT_TYPE, manifest, key))));
  files.set(KEY_FILE, Buffer.from(key.publicKey));
}

/** In hex, as in-toto and OSCAL write it. */
export function sha256(bytes: Uint8Array): string {
  return digestOf(bytes).slice('sha256:'.length);
}

function mediaTypeOf(path: string): string {
  if (path.endsWith('.json')) return 'application/json';
  return path.endsWith('.tlog-proof') ? 'text/plain' : 'application/octet-stream';
}

function titleOf(path: string): string {
  if (path.startsWith('receipts/')) return 'Receipt of an entry of the ledger';
  if (path.startsWith('evidence/')) return 'Transcript of a measurement';
  return path === PROFILE_FILE ? 'The framework as it was judged by' : 'The dossier that the report is made of';
}
