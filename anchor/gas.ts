import { createHash } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import { leafHash } from '../src/ledger/tlog/tlog.ts';
import { TreeNodes } from '../src/ledger/tree-nodes.ts';
import { openChain, type Sent } from './chain.ts';
import { startLocalChain } from './local-chain.ts';

/** Sizes at which the heads of one log are anchored, each on top of the one before. */
const SIZES = [1, 1000, 1001, 30_000, 65_537, 130_000, 1_000_000] as const;
/** Entries of the tree of which one more is anchored at once. */
const entryOf = (n: number) => createHash('sha256').update(String(n)).digest();

/** Prints what deploying and anchoring cost on a local chain. */
async function measureGas(): Promise<void> {
  const read = async (from: number, limit: number) => Array.from({ length: limit }, (_, n) => entryOf(from + n));
  const nodes = new TreeNodes(read);
  const local = await startLocalChain();
  try {
    const chain = openChain(local.rpc);
    const account = privateKeyToAccount(local.keys[0] as `0x${string}`);
    const { contract, gas } = await chain.deploy(account);
    const place = { contract, by: account.address, origin: 'gas.example' };
    printRow('deploy', 0, { gas });
    let before = 0;
    for (const size of SIZES) {
      while (nodes.tree.size < size) nodes.tree.add(leafHash(entryOf(nodes.tree.size)));
      const path = await nodes.consistencyProof(before, size);
      const sent = await chain.anchor(place, account, { size, root: nodes.tree.root() }, path);
      printRow(before === 0 ? 'first head' : `${before} -> ${size} entries`, path.length, sent);
      before = size;
    }
  } finally {
    await local.end();
  }
}

function printRow(what: string, hashes: number, { gas }: Pick<Sent, 'gas'>): void {
  process.stdout.write(`${what.padEnd(28)} ${String(hashes).padStart(3)} hashes ${String(gas).padStart(9)} gas\n`);
}

await measureGas();
