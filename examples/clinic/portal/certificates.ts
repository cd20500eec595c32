import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate with its key, in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/**
 * The clinic's own authority, in a folder that outlives the process: `root.pem` is for whoever is to trust it. It is made with
 * `openssl` when it is not there. What the portal shows lies beside it, in `server.pem` and `server.key`, where Kintsugi
 * renews it.
 */
export class Authority {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Rejects when there is no `openssl`. */
  static async open(folder: string): Promise<Authority> {
    const authority = new Authority(folder);
    if (!existsSync(join(folder, 'root.pem'))) {
      const names = ['-keyout', 'root.key', '-out', 'root.pem'];
      await authority.#openssl('req', '-x509', ...NEW_KEY, '-days', '3650', '-subj', '/CN=Clinic', ...names);
    }
    return authority;
  }

  /** What is to be shown now; undefined when there is none yet. */
  read(): Pair | undefined {
    if (!existsSync(this.#path('server.pem'))) return undefined;
    return {
      cert: readFileSync(this.#path('server.pem'), 'utf8'),
      key: readFileSync(this.#path('server.key'), 'utf8'),
    };
  }

  write({ cert, key }: Pair): void {
    for (const [name, text] of [
      ['server.key', key],
      ['server.pem', cert],
    ] as const) {
      writeFileSync(this.#path(`${name}.new`), text, { mode: 0o600 });
      renameSync(this.#path(`${name}.new`), this.#path(name));
    }
  }

  /** A new certificate for a name. With 0 days it has expired by the time that anybody sees it. */
  async issue(name: string, days: number): Promise<Pair> {
    const files = { key: 'issued.key', request: 'issued.csr', cert: 'issued.pem' };
    await this.#openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', files.key, '-out', files.request);
    writeFileSync(this.#path('issued.ext'), `subjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth\n`);
    const signer = ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-extfile', 'issued.ext'];
    await this.#openssl('x509', '-req', '-in', files.request, ...signer, '-days', String(days), '-out', files.cert);
    return { cert: readFileSync(this.#path(files.cert), 'utf8'), key: readFileSync(this.#path(files.key), 'utf8') };
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    await run('openssl', args, { cwd: this.#folder });
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
