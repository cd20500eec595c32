/** The framework as it was judged by. */
export const PROFILE_FILE = 'profile.json';

/** Where the bundle keeps a transcript. */
export function transcriptPath(transcript: string): string {
  return `evidence/${transcript.replace(':', '-')}.json`;
}

/** Where the bundle keeps the receipt of an entry. */
export function receiptPath(entry: string): string {
  return `receipts/${entry}.tlog-proof`;
}
