import { readFileSync, statSync } from 'node:fs';

interface Published {
  readonly limits: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The file is looked at this often: a change takes effect without a restart. */
const LOOK_MS = 500;

/**
 * Numbers that the law of tenants asks of a service, as Kintsugi publishes them in KINTSUGI_LIMITS once it has measured
 * that the service's own are beyond it. They never loosen anything.
 */
export class Limits {
  readonly #service: string;
  readonly #path: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #modifiedAt = 0;
  #published: Published = { limits: {} };

  constructor(service: string, path: string | undefined) {
    this.#service = service;
    this.#path = path;
  }

  /** The lower one of the service's own number and the published one. */
  atMost(key: string, own: number): number {
    return Math.min(own, this.#read(key) ?? own);
  }

  /** The higher one. */
  atLeast(key: string, own: number): number {
    return Math.max(own, this.#read(key) ?? own);
  }

  #read(key: string): number | undefined {
    this.#look();
    const text = this.#published.limits[this.#service]?.[key];
    return text === undefined ? undefined : Number(text);
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
