import { readFileSync, statSync } from 'node:fs';

interface Published {
  readonly tenants: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The file is looked at this often: a change takes effect without a restart. */
const LOOK_MS = 500;

/** Settings of single tenants, as Kintsugi publishes them in KINTSUGI_TENANT_CONFIG. Without the file nobody has any. */
export class TenantConfig {
  readonly #path: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #modifiedAt = 0;
  #published: Published = { tenants: {} };

  constructor(path: string | undefined) {
    this.#path = path;
  }

  read(tenant: string, key: string): string | undefined {
    this.#look();
    return this.#published.tenants[tenant]?.[key];
  }

  #look(): void {
    const now = performance.now();
    if (this.#path === undefined || now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    const modifiedAt = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (modifiedAt === 0 || modifiedAt === this.#modifiedAt) return;
    this.#published = JSON.parse(readFileSync(this.#path, 'utf8')) as Published;
    this.#modifiedAt = modifiedAt;
  }
}
