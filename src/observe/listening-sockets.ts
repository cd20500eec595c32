import { readdir, readFile, readlink } from 'node:fs/promises';
import { endianness } from 'node:os';

/** A TCP socket that waits for connections, and a process that holds it. */
export interface ListeningSocket {
  /** Of the kernel: the same number is the same socket. */
  readonly inode: string;
  /** As the process bound it: `127.0.0.1`, `0.0.0.0`, `::1`. */
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** As the system calls the process: `node`, `postgres`. */
  readonly program: string;
}

/** What a tree of processes listens on. */
export interface TreeListening {
  readonly sockets: readonly ListeningSocket[];
  /** Processes of the tree whose open files may not be read from here: of them nothing is known. */
  readonly hidden: readonly number[];
}

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly program: string;
}

interface Bound {
  readonly address: string;
  readonly port: number;
}

/** Of `/proc/net/tcp`: the state of a socket that listens. */
const LISTEN = '0A';
const IPV4_MAPPED = '::ffff:';

/**
 * What each of these processes and everything below it listens on, in the order given, by the sockets of the kernel and the
 * open files of the processes. Who left the tree (a daemon of its own) is found by its environment, which holds one of
 * `marks` as it did when it was started. Reads `/proc`, so Linux only: elsewhere it rejects.
 */
export async function readListening(
  roots: readonly { readonly pid: number; readonly mark: string }[],
): Promise<readonly TreeListening[]> {
  const running = await readRunning();
  const byParent = Map.groupBy(running.values(), ({ parent }) => parent);
  const taken = new Set<number>();
  const trees = roots.map(({ pid }) => below(pid, running, byParent, taken));
  const strays = [...running.values()].filter(({ pid }) => !taken.has(pid));
  const marked = await Promise.all(strays.map(async (each) => ({ each, mark: await markOf(each.pid, roots) })));
  const bound = new Map<string, ReadonlyMap<string, Bound>>();
  const answers: TreeListening[] = [];
  for (const [index, { mark }] of roots.entries()) {
    const left = marked.flatMap((one) => (mark !== '' && one.mark === mark ? [one.each] : []));
    answers.push(await listeningOf([...(trees[index] ?? []), ...left], bound));
  }
  return answers;
}

/** The process and its descendants, each once: of who stands in two trees the first has it. */
function below(
  root: number,
  running: ReadonlyMap<number, Running>,
  byParent: ReadonlyMap<number, readonly Running[]>,
  taken: Set<number>,
): readonly Running[] {
  const found: Running[] = [];
  const rest = [running.get(root)].filter((each) => each !== undefined);
  for (let each = rest.pop(); each !== undefined; each = rest.pop()) {
    if (taken.has(each.pid)) continue;
    taken.add(each.pid);
    found.push(each);
    rest.push(...(byParent.get(each.pid) ?? []));
  }
  return found;
}

async function listeningOf(
  processes: readonly Running[],
  bound: Map<string, ReadonlyMap<string, Bound>>,
): Promise<TreeListening> {
  const sockets = new Map<string, ListeningSocket>();
  const hidden: number[] = [];
  for (const { pid, program } of processes) {
    const held = await heldBy(pid);
    if (held === 'gone') continue;
    if (held === 'hidden') {
      hidden.push(pid);
      continue;
    }
    const here = await boundIn(pid, bound);
    for (const inode of held) {
      const socket = here.get(inode);
      // What a child inherited is told of its parent.
      if (socket && !sockets.has(inode)) sockets.set(inode, { inode, ...socket, pid, program });
    }
  }
  return { sockets: [...sockets.values()], hidden };
}

async function readRunning(): Promise<ReadonlyMap<number, Running>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    pids.map(async (name): Promise<Running | undefined> => {
      const text = await readIfThere(`/proc/${name}/stat`);
      if (text === undefined) return undefined;
      // The name is in brackets and may itself hold brackets and blanks.
      const end = text.lastIndexOf(')');
      const [state, parent] = text.slice(end + 2).split(' ');
      if (state === 'Z' || state === 'X') return undefined;
      return { pid: Number(name), parent: Number(parent), program: text.slice(text.indexOf('(') + 1, end) };
    }),
  );
  return new Map(all.flatMap((each) => (each ? [[each.pid, each] as const] : [])));
}

/** Inodes of the sockets that a process holds open. */
async function heldBy(pid: number): Promise<readonly string[] | 'gone' | 'hidden'> {
  try {
    const names = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
    return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return 'gone';
    if (code === 'EACCES' || code === 'EPERM') return 'hidden';
    throw error;
  }
}

/** What listens in the network that a process sees; read once for each network. */
async function boundIn(
  pid: number,
  known: Map<string, ReadonlyMap<string, Bound>>,
): Promise<ReadonlyMap<string, Bound>> {
  const network = (await readlink(`/proc/${pid}/ns/net`).catch(() => '')) || 'own';
  const before = known.get(network);
  if (before) return before;
  const texts = await Promise.all(['tcp', 'tcp6'].map((name) => readIfThere(`/proc/${pid}/net/${name}`)));
  const found = new Map(texts.flatMap((text) => (text === undefined ? [] : parseBound(text))));
  known.set(network, found);
  return found;
}

/** Lines of `/proc/net/tcp` and `tcp6`: the address in hex as the kernel holds it, its state, and the inode. */
export function parseBound(text: string): readonly (readonly [inode: string, bound: Bound])[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      if (state !== LISTEN || address === '') return [];
      return [[inode, { address: addressOf(address), port: Number.parseInt(port, 16) }] as const];
    });
}

/** Words of 32 bits in the order of bytes of this machine. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16));
  const { hostname } = new URL(`http://[${groups.join(':')}]`);
  const address = hostname.slice(1, -1);
  // An IPv4 address in the form of IPv6, with its last 32 bits in the clear.
  return address.startsWith(IPV4_MAPPED) ? [...bytes.subarray(12)].join('.') : address;
}

async function markOf(pid: number, roots: readonly { readonly mark: string }[]): Promise<string | undefined> {
  const environ = await readIfThere(`/proc/${pid}/environ`);
  if (environ === undefined || environ === '') return undefined;
  return roots.find(({ mark }) => mark !== '' && `\0${environ}`.includes(`\0${mark}\0`))?.mark;
}

/** Processes come and go while they are looked at, and those of others may not be read. */
async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
