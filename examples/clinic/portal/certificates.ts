import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
 * `openssl` when it is not there. Rejects when there is no such program.
 */
export class Authority {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<Authority> {
    const authority = new Authority(folder);
    if (!existsSync(join(folder, 'root.pem'))) {
      await authority.#openssl('req', '-x509', ...NEW_KEY, '-days', '3650', '-subj', '/CN=Clinic', ...pair('root'));
    }
    return authority;
  }

  /** A new certificate for a name. With 0 days it has expired by the time that anybody sees it. */
  async issue(name: string, days: number): Promise<Pair> {
    const files = { key: 'server.key', request: 'server.csr', cert: 'server.pem' };
    await this.#openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', files.key, '-out', files.request);
    writeFileSync(this.#path('server.ext'), `subjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth\n`);
    const signer = ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-extfile', 'server.ext'];
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

function pair(name: string): readonly string[] {
  return ['-keyout', `${name}.key`, '-out', `${name}.pem`];
}
