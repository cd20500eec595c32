/** Data that survives `JSON.stringify` and back unchanged. Plans, detector states and ledger entries are made of it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * JSON with keys in code-point order and no white space, so that equal data have equal bytes and one digest. (A digest of
 * stored bytes is always preferred; this is for plain objects that people approve or compare, as in RFC 8785 without its
 * number formatting, which JavaScript's own already is.)
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    const object = inner as Record<string, unknown>;
    return Object.fromEntries(
      Object.keys(object)
        .sort()
        .map((key) => [key, object[key]]),
    );
  });
}
