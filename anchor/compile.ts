import { readFileSync, writeFileSync } from 'node:fs';
import solc from 'solc';

const SOURCE = 'CheckpointAnchor.sol';
const from = (file: string) => new URL(`contracts/${file}`, import.meta.url);

/** The compiled contract that comes with the package, so that those who use it need no compiler. */
export const ARTEFACT = from('CheckpointAnchor.json');

interface Compiled {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts?: Readonly<
    Record<string, Record<string, { abi: unknown; evm: { bytecode: { object: string } } }>>
  >;
}

/** The text of the artefact, made from the source. The same source and compiler give the same text. */
export function compileContract(): string {
  const input = {
    language: 'Solidity',
    sources: { [SOURCE]: { content: readFileSync(from(SOURCE), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: 10_000 },
      // No digest of the source's comments at the end of the code: a word in a comment is no other contract.
      metadata: { appendCBOR: false },
      evmVersion: 'paris',
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input))) as Compiled;
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  const contract = contracts?.[SOURCE]?.['CheckpointAnchor'];
  if (!contract) throw new Error('the compiler gave no contract');
  const artefact = { compiler: solc.version(), abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
  return `${JSON.stringify(artefact, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(ARTEFACT, compileContract());
