const CACHE_MS = 100;
/** Below the usual timeout of a probe (200 ms), so that the probe hears a reason instead of silence. */
const ANSWER_WITHIN_MS = 150;

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/**
 * Whether the service should get requests. However often it is asked, at most one check runs at a time and its result
 * serves for 100 ms; an answer never takes longer than 150 ms.
 */
export class Health {
  readonly #check: () => Promise<void>;
  #state: 'starting' | 'serving' | 'draining' = 'starting';
  #last: { readonly at: number; readonly readiness: Readiness } | undefined;
  #running: Promise<Readiness> | undefined;

  constructor(check: () => Promise<void>) {
    this.#check = check;
  }

  get draining(): boolean {
    return this.#state === 'draining';
  }

  serve(): void {
    if (this.#state === 'starting') this.#state = 'serving';
  }

  drain(): void {
    this.#state = 'draining';
  }

  async readiness(): Promise<Readiness> {
    if (this.#state !== 'serving') return { ready: false, reason: this.#state };
    if (this.#last && performance.now() - this.#last.at < CACHE_MS) return this.#last.readiness;
    this.#running ??= this.#run();
    return Promise.race([this.#running, silence()]);
  }

  async #run(): Promise<Readiness> {
    const readiness = await this.#check().then(
      (): Readiness => ({ ready: true }),
      (): Readiness => ({ ready: false, reason: 'database away' }),
    );
    this.#last = { at: performance.now(), readiness };
    this.#running = undefined;
    return readiness;
  }
}

async function silence(): Promise<Readiness> {
  return new Promise((resolve) => {
    setTimeout(() => resolve({ ready: false, reason: 'database silent' }), ANSWER_WITHIN_MS).unref();
  });
}
