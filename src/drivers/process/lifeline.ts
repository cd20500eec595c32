import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

/**
 * A FIFO whose write end the child holds as file descriptor 3 and never uses. When the child is gone, the kernel tells
 * whoever holds the read end: so a keeper hears at once of the end of a process that is not its own child.
 */
export interface Lifeline {
  /** To be handed to the child and then closed by `close`. */
  readonly writeEnd: number;
  /** Closes the keeper's ends; the child's stays. Whoever is its parent has no need of the read end. */
  close(): void;
}

const run = promisify(execFile);

/** Makes the FIFO anew and opens it. Rejects with the error of the system. */
export async function openLifeline(path: string): Promise<Lifeline> {
  rmSync(path, { force: true });
  await run('mkfifo', ['-m', '600', path]);
  // Opening the write end would wait for a reader, so the read end comes first, and does not wait for a writer.
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  return {
    writeEnd,
    close() {
      closeSync(writeEnd);
      closeSync(readEnd);
    },
  };
}

/**
 * Calls `onEnd` once when nobody holds the write end any more. It is not called when that was so before: look at the
 * process after this returns. Returns a function that stops watching. A missing FIFO is never heard of.
 */
export function watchLifeline(path: string, onEnd: () => void): () => void {
  let readEnd: number;
  try {
    readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return () => {};
  }
  const socket = new Socket({ fd: readEnd, readable: true, writable: false });
  socket.on('error', () => {});
  socket.once('end', onEnd);
  socket.resume();
  return () => {
    socket.off('end', onEnd);
    socket.destroy();
  };
}
