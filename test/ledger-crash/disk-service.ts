import type { ModelDisk } from '../ledger-disk/model-disk.ts';
import {
  attributesAnswer,
  entryAnswer,
  ERRNO,
  type FuseRequest,
  initAnswer,
  namesAnswer,
  namesIn,
  numbers,
  OPCODE,
  openAnswer,
  statfsAnswer,
} from './fuse-protocol.ts';

/** Where in its body a request has the numbers that it is about. */
const AT = { createName: 16, mkdirName: 8, linkName: 8, renameNames: 8, rename2Names: 16, writeData: 40 };
const SETS_SIZE = 8;

const SILENT: ReadonlySet<number> = new Set([OPCODE.forget, OPCODE.batchForget, OPCODE.interrupt]);
const CHANGES: ReadonlySet<number> = new Set([
  OPCODE.setattr,
  OPCODE.mkdir,
  OPCODE.unlink,
  OPCODE.rename,
  OPCODE.rename2,
  OPCODE.link,
  OPCODE.write,
  OPCODE.fsync,
  OPCODE.fsyncdir,
  OPCODE.create,
]);

/** Answers the kernel out of a model disk, until the power is cut. */
export class DiskService {
  disk: ModelDisk;
  /** Changes that are still made; none comes through after the last one. */
  changesLeft = Number.POSITIVE_INFINITY;
  /** What each change is answered with, when that is to fail. */
  fault: number | undefined;
  readonly #isLying: boolean;
  readonly #onCut: () => void;
  #isCut = false;

  /** A disk that is `lying` says that it synced, and did not. */
  constructor(disk: ModelDisk, { isLying, onCut }: { readonly isLying: boolean; readonly onCut: () => void }) {
    this.disk = disk;
    this.#isLying = isLying;
    this.#onCut = onCut;
  }

  /** Gives undefined for what wants no answer. */
  answer(request: FuseRequest): Buffer | number | undefined {
    if (SILENT.has(request.opcode)) return undefined;
    if (request.opcode === OPCODE.init) return initAnswer();
    if (CHANGES.has(request.opcode)) {
      if (this.changesLeft <= 0) this.#cut();
      this.changesLeft -= 1;
    }
    if (this.#isCut) return ERRNO.EIO;
    if (this.fault !== undefined && CHANGES.has(request.opcode)) return this.fault;
    return this.#names(request) ?? this.#content(request) ?? ERRNO.ENOSYS;
  }

  /** Another disk, with power. */
  restore(disk: ModelDisk): void {
    this.disk = disk;
    this.#isCut = false;
    this.changesLeft = Number.POSITIVE_INFINITY;
  }

  #cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#onCut();
  }

  #names({ opcode, node, body }: FuseRequest): Buffer | number | undefined {
    const { disk } = this;
    switch (opcode) {
      case OPCODE.lookup:
        return this.#entry(disk.folder(node).names.get(namesIn(body)[0]!));
      case OPCODE.create: {
        const id = disk.create(node, namesIn(body.subarray(AT.createName))[0]!, 'file');
        return Buffer.concat([entryAnswer(id, disk.node(id)), openAnswer()]);
      }
      case OPCODE.mkdir:
        return this.#entry(disk.create(node, namesIn(body.subarray(AT.mkdirName))[0]!, 'folder'));
      case OPCODE.unlink:
        disk.bind(node, namesIn(body)[0]!, undefined);
        return Buffer.alloc(0);
      case OPCODE.link: {
        const id = Number(body.readBigUInt64LE(0));
        disk.bind(node, namesIn(body.subarray(AT.linkName))[0]!, id);
        return this.#entry(id);
      }
      case OPCODE.rename:
      case OPCODE.rename2: {
        const [name, to] = namesIn(body.subarray(opcode === OPCODE.rename ? AT.renameNames : AT.rename2Names));
        disk.rename(node, name!, Number(body.readBigUInt64LE(0)), to!);
        return Buffer.alloc(0);
      }
      case OPCODE.readdir:
        return namesAnswer([...disk.folder(node).names], Number(body.readBigUInt64LE(8)), body.readUInt32LE(16));
      default:
        return undefined;
    }
  }

  #content({ opcode, node, body }: FuseRequest): Buffer | number | undefined {
    const { disk } = this;
    switch (opcode) {
      case OPCODE.setattr:
        if ((body.readUInt32LE(0) & SETS_SIZE) !== 0) disk.truncate(node, Number(body.readBigUInt64LE(16)));
        return attributesAnswer(node, disk.node(node));
      case OPCODE.getattr:
        return attributesAnswer(node, disk.node(node));
      case OPCODE.open:
      case OPCODE.opendir:
        return openAnswer();
      case OPCODE.read: {
        const at = Number(body.readBigUInt64LE(8));
        return Buffer.from(disk.file(node).now.subarray(at, at + body.readUInt32LE(16)));
      }
      case OPCODE.write: {
        const length = body.readUInt32LE(16);
        disk.write(node, Number(body.readBigUInt64LE(8)), body.subarray(AT.writeData, AT.writeData + length));
        return numbers([4, length], [4, 0]);
      }
      case OPCODE.fsync:
      case OPCODE.fsyncdir:
        if (!this.#isLying) disk.sync(node);
        return Buffer.alloc(0);
      case OPCODE.statfs:
        return statfsAnswer();
      case OPCODE.release:
      case OPCODE.releasedir:
      case OPCODE.destroy:
        return Buffer.alloc(0);
      default:
        return undefined;
    }
  }

  #entry(id: number | undefined): Buffer | number {
    return id === undefined ? ERRNO.ENOENT : entryAnswer(id, this.disk.node(id));
  }
}
