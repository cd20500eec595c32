import { createHash } from 'node:crypto';

/**
 * The loopback address that stands for a region on one machine, the same on every call: regions are real in the data
 * model, and a request or a copy of data that leaves its region goes to another address. Linux answers on all of
 * 127.0.0.0/8; elsewhere only 127.0.0.1 exists and all regions share it.
 */
export function regionAddress(region: string): string {
  if (process.platform !== 'linux') return '127.0.0.1';
  const hash = createHash('sha256').update(region).digest();
  return `127.${1 + (hash[0]! % 250)}.${1 + (hash[1]! % 250)}.${1 + (hash[2]! % 250)}`;
}
