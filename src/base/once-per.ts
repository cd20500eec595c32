/**
 * `derive`, worked out once for each key and kept for as long as the key lives. For keys that never change: pictures,
 * not things. To whoever asks it is as pure as `derive` is, only that the second answer costs nothing.
 */
export function oncePer<Key extends object, Value>(derive: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    const found = known.get(key);
    if (found) return found.value;
    const value = derive(key);
    known.set(key, { value });
    return value;
  };
}
