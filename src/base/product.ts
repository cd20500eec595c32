import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Of this Kintsugi, as in its package. */
export const VERSION = version;

/** What made a document: `kintsugi 0.1.0`. */
export const PRODUCT = `kintsugi ${VERSION}`;
