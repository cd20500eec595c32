import { KinError } from '../base/errors.ts';

/** The fault of a whole file. */
export function tamperedFile(file: string, reason: string): KinError {
  return new KinError('ledger.tampered', `${file}: ${reason}`, { details: { file, reason } });
}

/** The fault of who asks for an entry that was lawfully pruned. */
export function prunedBefore(first: number): KinError {
  return new KinError('ledger.pruned', `entries before ${first} were pruned`, { details: { first } });
}
