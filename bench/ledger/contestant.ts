/** Something that keeps records, open for one trial. */
export interface Appender {
  /** Resolves when the record is durable. */
  append(id: string, entry: string): Promise<void>;
  /** Bytes on disk for one record, as far as that is told. */
  bytesPerEntry(): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  /** Callers that each wait for their record before they send the next. */
  readonly inFlight: number;
  open(): Promise<Appender>;
}

/** A call that waits for its batch. */
interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers single calls into batches: each of `senders` takes what has come meanwhile, up to `most`, as the batching client
 * of a database does.
 */
export function batched<T>(
  senders: readonly ((items: readonly T[]) => Promise<void>)[],
  most: number,
): (item: T) => Promise<void> {
  let queue: Waiting<T>[] = [];
  const idle = [...senders];
  const send = async (sender: (items: readonly T[]) => Promise<void>) => {
    while (queue.length > 0) {
      const batch = queue.slice(0, most);
      queue = queue.slice(most);
      try {
        await sender(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    idle.push(sender);
  };
  return (item) =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject });
      const sender = idle.pop();
      // The callers of this moment share a batch.
      if (sender) queueMicrotask(() => void send(sender));
    });
}
