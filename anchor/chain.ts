import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  getAddress,
  http,
  type Account,
  type Address,
  type Hex,
  parseAbi,
  toHex,
} from 'viem';
import type { Checkpoint } from '../src/ledger/tlog/tlog.ts';

const ABI = parseAbi([
  'function anchor(bytes32 origin, uint64 size, bytes32 root, bytes32[] proof)',
  'function heads(address by, bytes32 origin) view returns (uint64 size, uint64 time, bytes32 root)',
  'function included(address by, bytes32 origin, bytes32 leaf, uint64 index, bytes32[] proof) view returns (bool)',
  'function holds(uint64 size, bytes32 root, bytes32 leaf, uint64 index, bytes32[] proof) pure returns (bool)',
  'function continues(uint64 oldSize, bytes32 oldRoot, uint64 newSize, bytes32 newRoot, bytes32[] proof) pure returns (bool)',
  'event Anchored(address indexed by, bytes32 indexed origin, uint64 size, bytes32 root, uint64 time)',
  'error Rollback(uint64 anchored, uint64 offered)',
  'error Fork(uint64 anchored, uint64 offered)',
  'error NotATree()',
]);
const ARTEFACT = new URL('contracts/CheckpointAnchor.json', import.meta.url);
const SENT_MS = 120_000;

/** A chain that does not answer, or answered what nobody asked for; nothing is known of the log. */
export class ChainFault extends Error {
  override readonly name = 'ChainFault';
}

/** The contract would not move the head: the log that was offered does not continue what is anchored. */
export class AnchorRefused extends Error {
  override readonly name = 'AnchorRefused';
}

/** Whose heads of which log, in which contract. */
export interface AnchorPlace {
  readonly contract: Address;
  readonly by: Address;
  /** The log's origin; only its SHA-256 goes to the chain. */
  readonly origin: string;
}

/** A head as the contract keeps it. */
export interface AnchoredHead {
  readonly size: number;
  readonly root: Buffer;
  /** When its block was made, in seconds since 1970. */
  readonly timeS: number;
}

/** A transaction that is in a block. */
export interface Sent {
  readonly transaction: Hex;
  readonly block: number;
  readonly gas: number;
}

/** A head that was anchored at some time, with the transaction that did it. */
export type Anchoring = AnchoredHead & Omit<Sent, 'gas'>;

/** The proof hashes of a tree, as the contract takes them. */
type Path = readonly Uint8Array[];

/** An EVM chain behind the JSON-RPC of one of its nodes, which is trusted to tell what is on the chain. */
export interface AnchorChain {
  /** Number of the chain (EIP-155). Rejects with `ChainFault`, as all calls do. */
  id(): Promise<number>;
  deploy(account: Account): Promise<Sent & { readonly contract: Address }>;
  /** Undefined where nothing is anchored yet. */
  head(place: AnchorPlace): Promise<AnchoredHead | undefined>;
  /**
   * Moves the head and waits until that is in a block. `path` is the proof that the tree continues the anchored one.
   * Rejects with `AnchorRefused` before anything is sent when the contract would not.
   */
  anchor(place: AnchorPlace, account: Account, tree: Pick<Checkpoint, 'size' | 'root'>, path: Path): Promise<Sent>;
  /** All heads that were anchored, the oldest first. Some nodes refuse to look through that many blocks. */
  anchorings(place: AnchorPlace): Promise<Anchoring[]>;
  /** Whether the contract finds a leaf in the newest anchored tree. */
  included(place: AnchorPlace, leaf: Uint8Array, index: number, path: Path): Promise<boolean>;
  /** The contract's own verifiers, for anybody's proofs. */
  holds(
    contract: Address,
    tree: Pick<Checkpoint, 'size' | 'root'>,
    leaf: Uint8Array,
    index: number,
    path: Path,
  ): Promise<boolean>;
  continues(
    contract: Address,
    before: Pick<Checkpoint, 'size' | 'root'>,
    after: Pick<Checkpoint, 'size' | 'root'>,
    path: Path,
  ): Promise<boolean>;
}

const originHash = (origin: string): Hex => toHex(createHash('sha256').update(origin).digest());
const hashes = (path: Path): Hex[] => path.map((hash) => toHex(hash));
const bytesOf = (hex: Hex): Buffer => Buffer.from(hex.slice(2), 'hex');

/** Talks to the node at `rpc`. Nothing is asked before the first call. */
export function openChain(rpc: string): AnchorChain {
  const transport = http(rpc, { retryCount: 2, timeout: 30_000 });
  const node = createPublicClient({ transport, pollingInterval: 200 });
  const abi = ABI;
  const included = async (transaction: Hex): Promise<Sent & { contract: Address | null }> => {
    const receipt = await node.waitForTransactionReceipt({ hash: transaction, timeout: SENT_MS });
    if (receipt.status !== 'success') throw new AnchorRefused(`transaction ${transaction} was reverted`);
    const { blockNumber, gasUsed, contractAddress = null } = receipt;
    return { transaction, block: Number(blockNumber), gas: Number(gasUsed), contract: contractAddress };
  };
  return {
    id: () => asked(node.getChainId()),
    async deploy(account) {
      const wallet = createWalletClient({ transport, account });
      const { bytecode } = JSON.parse(readFileSync(ARTEFACT, 'utf8')) as { bytecode: Hex };
      const sent = await asked(wallet.deployContract({ abi, bytecode, chain: null }).then(included));
      if (!sent.contract) throw new ChainFault('the node tells no address of the contract');
      return { ...sent, contract: getAddress(sent.contract) };
    },
    async head({ contract, by, origin }) {
      const args = [by, originHash(origin)] as const;
      const [size, time, root] = await asked(
        node.readContract({ address: contract, abi, functionName: 'heads', args }),
      );
      return time === 0n ? undefined : { size: Number(size), root: bytesOf(root), timeS: Number(time) };
    },
    async anchor({ contract, origin }, account, { size, root }, path) {
      const wallet = createWalletClient({ transport, account });
      const args = [originHash(origin), BigInt(size), toHex(root), hashes(path)] as const;
      const call = { address: contract, abi, functionName: 'anchor', args, account } as const;
      const { request } = await asked(node.simulateContract(call));
      const { contract: _, ...sent } = await asked(wallet.writeContract({ ...request, chain: null }).then(included));
      return sent;
    },
    async anchorings({ contract, by, origin }) {
      const filter = { address: contract, args: { by, origin: originHash(origin) }, strict: true } as const;
      const range = { fromBlock: 0n, toBlock: 'latest' } as const;
      const logs = await asked(node.getContractEvents({ abi, eventName: 'Anchored', ...filter, ...range }));
      return logs.map(({ args: { size, root, time }, transactionHash, blockNumber }) => ({
        size: Number(size),
        root: bytesOf(root),
        timeS: Number(time),
        transaction: transactionHash,
        block: Number(blockNumber),
      }));
    },
    included({ contract, by, origin }, leaf, index, path) {
      const args = [by, originHash(origin), toHex(leaf), BigInt(index), hashes(path)] as const;
      return asked(node.readContract({ address: contract, abi, functionName: 'included', args }));
    },
    holds(contract, { size, root }, leaf, index, path) {
      const args = [BigInt(size), toHex(root), toHex(leaf), BigInt(index), hashes(path)] as const;
      return asked(node.readContract({ address: contract, abi, functionName: 'holds', args }));
    },
    continues(contract, before, after, path) {
      const ends = [BigInt(before.size), toHex(before.root), BigInt(after.size), toHex(after.root)] as const;
      return asked(
        node.readContract({ address: contract, abi, functionName: 'continues', args: [...ends, hashes(path)] }),
      );
    },
  };
}

/** What viem rejects with, in one line. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (!(cause instanceof BaseError)) throw cause;
    const reverted = cause.walk((each) => each instanceof ContractFunctionRevertedError);
    if (!(reverted instanceof ContractFunctionRevertedError)) throw new ChainFault(cause.shortMessage, { cause });
    throw new AnchorRefused(reasonOf(reverted), { cause });
  }
}

function reasonOf({ data, shortMessage }: ContractFunctionRevertedError): string {
  const [anchored, offered] = (data?.args ?? []) as readonly bigint[];
  switch (data?.errorName) {
    case 'Rollback':
      return `${anchored} entries are anchored and the log shows ${offered}: it was rolled back`;
    case 'Fork':
      return `the ${offered} entries of the log do not continue the ${anchored} that are anchored`;
    default:
      return shortMessage;
  }
}
