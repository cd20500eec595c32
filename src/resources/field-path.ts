/** Where a value stands in a resource: keys and indices from its root. */
export type FieldPath = readonly PropertyKey[];

/** `spec.ladder[0].move`; a key that is no plain word is quoted. */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w$-]+$/.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`;
    else text += `[${JSON.stringify(String(part))}]`;
  }
  return text;
}

const SECRET_WORD = /secret|passw|token|key|credential|private|auth|dsn|sha256/i;

/**
 * Whether a text at this place may be a secret and must not be shown: what is named like one, and the values of headers
 * by which a tenant is recognised.
 */
export function isSecretPath(path: FieldPath): boolean {
  if (path.includes('headers') && path.at(-1) === 'value') return true;
  const name = path.findLast((part) => typeof part === 'string');
  return typeof name === 'string' && SECRET_WORD.test(name);
}

/** Takes user name and password out of the addresses in a text. */
export function maskCredentials(text: string): string {
  return text.replace(/:\/\/[^/\s@]*@/g, '://<redacted>@');
}
