/** What stands under a key; `create` makes it when nothing does. */
export function entryOf<T>(record: Record<string | number, T>, key: string | number, create: () => T): T {
  const known = record[key];
  if (known !== undefined) return known;
  const created = create();
  record[key] = created;
  return created;
}
