import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { digestOfJson } from '../../base/digest.ts';
import { makeFolderDurably, readJsonFile, writeDurably } from '../../base/durable-file.ts';
import { Redacted } from '../../base/redacted.ts';
import { createKey } from './issue.ts';

/** Where a process has its certificate and its key. */
export interface CertificateFiles {
  readonly folder: string;
  readonly file: string;
  readonly keyFile: string;
}

/** How a file was before: null when there was none. */
interface Kept {
  readonly [file: string]: { readonly mode: number; readonly uid: number; readonly gid: number } | null;
}

const RENEWALS = '.kintsugi-renewals';
const KEPT = 'kept.json';
/** Old pairs that stay on disk. A key that nobody uses any more is a key that somebody can take. */
const RENEWALS_MAX = 3;
const FOLDER_DIGITS = 16;
/** Every byte is one character, so that what is read is written back as it was, whatever it is. */
const BYTES = 'latin1';

/**
 * One renewal on disk, known by its key: the new pair and the old one lie beside what is in use until later renewals push
 * them out. Each step may be repeated, and does nothing where it was done; killed between any two, it is finished by the
 * next who leads. A file is replaced as a whole. The two files of a pair are not replaced in one instant: a process that
 * starts within that moment finds a pair that does not fit, which the repetition puts right.
 */
export class Renewal {
  readonly #files: CertificateFiles;
  readonly #folder: string;

  constructor(files: CertificateFiles, key: string) {
    this.#files = files;
    const name = digestOfJson([key])
      .replace(/^sha256:/, '')
      .slice(0, FOLDER_DIGITS);
    this.#folder = join(files.folder, RENEWALS, name);
  }

  /** The new chain, if it was issued already. */
  get issued(): string | undefined {
    return readText(join(this.#folder, 'new.pem'));
  }

  /** The new key: made the first time, and the same one from then on. */
  key(): Redacted<string> {
    makeFolderDurably(this.#folder);
    const path = join(this.#folder, 'new.key');
    if (!existsSync(path)) writeDurably(path, createKey().reveal());
    return new Redacted(readFileSync(path, 'utf8'));
  }

  keepIssued(chain: string): void {
    writeDurably(join(this.#folder, 'new.pem'), chain);
  }

  /** Keeps the old pair, then puts the new one in its place. */
  install(): void {
    this.#keepOld();
    const kept = this.#kept;
    for (const [name, fresh] of this.#pair('new')) this.#put(name, fresh, kept?.[name] ?? null);
    this.#prune();
  }

  /**
   * Puts the old pair back, byte for byte, with mode and owner. Returns the chain that is to be shown again (null where
   * there was none), or undefined when there is nothing to take back: nothing was installed, or somebody else wrote since.
   */
  restore(): string | null | undefined {
    const kept = this.#kept;
    if (kept === undefined || !this.#isOurs()) return undefined;
    const old = new Map(this.#pair('old'));
    for (const name of this.#names) {
      const content = old.get(name);
      if (kept[name] && content !== undefined) this.#put(name, content, kept[name]);
      else rmSync(join(this.#files.folder, name), { force: true });
    }
    return old.get(this.#files.file) ?? null;
  }

  /** What lies in the place of a pair is of this renewal, wholly or in part, or is the old one again. */
  #isOurs(): boolean {
    const ours = new Set([...this.#pair('new'), ...this.#pair('old')].map(([, content]) => content));
    return this.#names.every((name) => {
      const content = readText(join(this.#files.folder, name));
      return content === undefined || ours.has(content);
    });
  }

  #keepOld(): void {
    if (this.#kept !== undefined) return;
    const kept: Record<string, Kept[string]> = {};
    for (const [index, name] of this.#names.entries()) {
      const path = join(this.#files.folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      kept[name] = stat ? { mode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid } : null;
      if (stat) writeDurably(join(this.#folder, index === 0 ? 'old.pem' : 'old.key'), readFileSync(path));
    }
    // Last: from now on there is something to go back to.
    writeDurably(join(this.#folder, KEPT), JSON.stringify(kept));
  }

  get #kept(): Kept | undefined {
    return readJsonFile(join(this.#folder, KEPT)) as Kept | undefined;
  }

  get #names(): readonly [certificate: string, key: string] {
    return [this.#files.file, this.#files.keyFile];
  }

  /** Key first: who starts in between finds a key without its certificate and says so, rather than serve a wrong one. */
  #pair(which: 'new' | 'old'): readonly (readonly [name: string, content: string])[] {
    const [file, keyFile] = this.#names;
    const found = [
      [keyFile, readText(join(this.#folder, `${which}.key`))],
      [file, readText(join(this.#folder, `${which}.pem`))],
    ] as const;
    return found.flatMap(([name, content]) => (content === undefined ? [] : [[name, content] as const]));
  }

  #put(name: string, content: string, like: Kept[string]): void {
    const path = join(this.#files.folder, name);
    if (readText(path) !== content) writeDurably(path, Buffer.from(content, BYTES), like?.mode ?? 0o600);
    if (!like) return;
    chmodSync(path, like.mode);
    const { uid, gid } = statSync(path);
    if (uid !== like.uid || gid !== like.gid) chownSync(path, like.uid, like.gid);
  }

  #prune(): void {
    const all = join(this.#files.folder, RENEWALS);
    const byAge = readdirSync(all)
      .map((name) => ({ path: join(all, name), at: statSync(join(all, name)).mtimeMs }))
      .filter(({ path }) => path !== this.#folder)
      .toSorted((a, b) => b.at - a.at);
    for (const { path } of byAge.slice(RENEWALS_MAX - 1)) rmSync(path, { recursive: true, force: true });
  }
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, BYTES) : undefined;
}
