import type { Json, JsonObject } from '../base/json.ts';
import { leafHash } from '../ledger/tlog/merkle-tree.ts';
import type { Policy } from '../ledger/tlog/policy.ts';
import { parseProof, verifyProof } from '../ledger/tlog/tlog-proof.ts';
import {
  type BundleFiles,
  DOSSIER_FILE,
  KEY_FILE,
  MANIFEST_FILE,
  manifestOf,
  OSCAL_FILE,
  OUTSIDE,
  RECEIPT_FILE,
  renderings,
  sha256,
  SIGNATURE_FILE,
  STATEMENT_TYPE,
} from './bundle.ts';
import { receiptPath, transcriptPath } from './bundle-paths.ts';
import type { Dossier } from './dossier.ts';
import { entriesOf } from './dossier-tally.ts';
import { keyId, openEnvelope } from './dsse.ts';
import { checkOscal, filesNamedIn } from './oscal-check.ts';

/** The entry by which the ledger knows of a bundle: its `data` hold the digest of the manifest and the id of the key. */
export const MADE = 'evidence.made';

/** What a bundle is worth. `tampered` names the file; `unwitnessed`: sound, but too few witnesses saw the checkpoint. */
export type BundleVerdict =
  | {
      readonly kind: 'sound' | 'unwitnessed';
      readonly dossier: Dossier;
      readonly files: number;
      readonly receipts: number;
      /** Whether the page, the PDF and the OSCAL document were made again and compared: only the version that made them can. */
      readonly isCompared: boolean;
    }
  | { readonly kind: 'tampered'; readonly file: string; readonly reason: string };

class Tampered extends Error {
  readonly file: string;

  constructor(file: string, reason: string) {
    super(reason);
    this.file = file;
  }
}

/**
 * Checks a bundle offline, under a policy that names the ledger's key and was had elsewhere: the ledger holds an entry with
 * the digest of the manifest; the manifest names every file, and no other is there; the page, the PDF and the OSCAL
 * document are what the dossier makes of itself; every transcript is what its digest says; every entry that the dossier
 * names has its receipt. Takes the files by their paths; `madeBy` is this version, as in a dossier. Never throws for what is
 * in them.
 */
export async function verifyBundle(files: BundleFiles, policy: Policy, madeBy: string): Promise<BundleVerdict> {
  try {
    const manifest = fileOf(files, MANIFEST_FILE);
    const isWitnessed = checkManifest(files, manifest, policy);
    const dossier = dossierOf(files);
    const content = new Map([...files].filter(([path]) => !OUTSIDE.has(path)));
    checkFiles(dossier, content, manifest);
    const isCompared = dossier.madeBy === madeBy;
    if (isCompared) await checkRenderings(dossier, content);
    checkReferences(content);
    for (const { observations } of dossier.controls)
      for (const each of observations) checkTranscript(files, each.transcript);
    const seen = [...entriesOf(dossier)].map((entry) => checkReceipt(files, entry, policy).isWitnessed);
    const isSeen = isWitnessed && seen.every(Boolean);
    return { kind: isSeen ? 'sound' : 'unwitnessed', dossier, files: files.size, receipts: seen.length, isCompared };
  } catch (error) {
    if (error instanceof Tampered) return { kind: 'tampered', file: error.file, reason: error.message };
    // Signed, and of another shape than any bundle: whoever made it can make anything.
    if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError) {
      return { kind: 'tampered', file: MANIFEST_FILE, reason: `cannot be read: ${error.message}` };
    }
    throw error;
  }
}

function fileOf(files: BundleFiles, path: string): Uint8Array {
  const bytes = files.get(path);
  if (!bytes) throw new Tampered(path, 'is missing');
  return bytes;
}

function textOf(files: BundleFiles, path: string): string {
  return Buffer.from(fileOf(files, path)).toString('utf8');
}

function jsonOf(files: BundleFiles, path: string): Json {
  try {
    return JSON.parse(textOf(files, path)) as Json;
  } catch (error) {
    if (error instanceof Tampered) throw error;
    throw new Tampered(path, 'is not JSON');
  }
}

/** The signature is of the key that the ledger knows, and the ledger knows this manifest. */
function checkManifest(files: BundleFiles, manifest: Uint8Array, policy: Policy): boolean {
  const publicKey = textOf(files, KEY_FILE);
  const signed = openEnvelope(textOf(files, SIGNATURE_FILE), STATEMENT_TYPE, publicKey);
  if (!signed?.equals(manifest)) throw new Tampered(SIGNATURE_FILE, 'the key has not signed this manifest');
  const { entry, isWitnessed } = checkProof(files, RECEIPT_FILE, policy);
  const { type, data } = entry as { type?: Json; data?: JsonObject };
  if (type !== MADE || data?.['manifest'] !== sha256(manifest)) {
    throw new Tampered(MANIFEST_FILE, 'is not the one that the ledger has on record');
  }
  if (data['key'] !== keyId(publicKey)) throw new Tampered(KEY_FILE, 'is not the key that the ledger has on record');
  return isWitnessed;
}

function dossierOf(files: BundleFiles): Dossier {
  const dossier = jsonOf(files, DOSSIER_FILE) as unknown as Dossier;
  if (dossier?.version !== 3) throw new Tampered(DOSSIER_FILE, 'is of a form that this version does not know');
  return dossier;
}

function checkFiles(dossier: Dossier, content: BundleFiles, manifest: Uint8Array): void {
  const made = manifestOf(dossier, content);
  if (made.equals(manifest)) return;
  const { subject } = JSON.parse(Buffer.from(manifest).toString('utf8')) as {
    subject: { name: string; digest: { sha256: string } }[];
  };
  const named = new Map(subject.map(({ name, digest }) => [name, digest.sha256]));
  for (const [path, digest] of named) {
    if (sha256(fileOf(content, path)) !== digest) throw new Tampered(path, 'was changed');
  }
  for (const path of content.keys()) if (!named.has(path)) throw new Tampered(path, 'was added');
  throw new Tampered(MANIFEST_FILE, 'is of another dossier');
}

async function checkRenderings(dossier: Dossier, content: BundleFiles): Promise<void> {
  const beside = new Map([...content].filter(([path]) => !path.startsWith('report.') && path !== OSCAL_FILE));
  for (const [path, bytes] of await madeAgain(dossier, beside)) {
    if (Buffer.compare(fileOf(content, path), bytes) !== 0)
      throw new Tampered(path, 'says something else than the dossier');
  }
}

function checkReferences(content: BundleFiles): void {
  const document = jsonOf(content, OSCAL_FILE);
  const [complaint] = checkOscal(document);
  if (complaint) throw new Tampered(OSCAL_FILE, `${complaint.path}: ${complaint.message}`);
  for (const { href, sha256: digest } of filesNamedIn(document)) {
    const bytes = content.get(href);
    if (!bytes) throw new Tampered(OSCAL_FILE, `names ${href}, which is not there`);
    if (digest !== null && digest !== sha256(bytes)) throw new Tampered(OSCAL_FILE, `has another digest of ${href}`);
  }
}

/** A dossier of another shape than it should have cannot be written out. */
async function madeAgain(dossier: Dossier, beside: BundleFiles): Promise<BundleFiles> {
  try {
    return await renderings(dossier, beside);
  } catch (error) {
    throw new Tampered(DOSSIER_FILE, `cannot be written out: ${(error as Error).message}`);
  }
}

function checkTranscript(files: BundleFiles, transcript: string | null): void {
  if (transcript === null) return;
  const path = transcriptPath(transcript);
  if (`sha256:${sha256(fileOf(files, path))}` !== transcript) throw new Tampered(path, 'is not what was measured');
}

function checkReceipt(files: BundleFiles, entry: string, policy: Policy) {
  const path = receiptPath(entry);
  const proven = checkProof(files, path, policy);
  if ((proven.entry as { id?: Json }).id !== entry) throw new Tampered(path, 'is the receipt of another entry');
  return proven;
}

function checkProof(files: BundleFiles, path: string, policy: Policy): { entry: JsonObject; isWitnessed: boolean } {
  const proof = parseProof(textOf(files, path));
  if (!proof?.extra) throw new Tampered(path, 'is no receipt with its entry');
  const verdict = verifyProof(proof, leafHash(proof.extra), policy);
  if (verdict.kind === 'rejected') throw new Tampered(path, verdict.reason);
  try {
    return { entry: JSON.parse(proof.extra.toString('utf8')) as JsonObject, isWitnessed: verdict.kind === 'proven' };
  } catch {
    throw new Tampered(path, 'its entry is not JSON');
  }
}
