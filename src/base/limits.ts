/** Limits on hostile or runaway input. One place, so that a reviewer sees them together. */
export const LIMITS = {
  /** A manifest file; the largest real one we know of is under 100 KiB. */
  manifestBytes: 4 * 1024 * 1024,
  /** Documents in one `apply`. */
  manifestDocuments: 10_000,
  /** One ledger entry: C2SP tlog-tiles frames entries by a 16-bit length. */
  ledgerEntryBytes: 65_535,
  /** The sealed personal data of one entry, all payloads together, and how many they may be. */
  ledgerPayloadBytes: 32_768,
  ledgerPayloads: 16,
  /** A body on an internal or API hop. */
  apiBodyBytes: 4 * 1024 * 1024,
} as const;
