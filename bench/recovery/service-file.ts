import { fileURLToPath } from 'node:url';

/** Every contestant runs a copy of this file. */
export const SERVICE_FILE = fileURLToPath(new URL('./service.ts', import.meta.url));
