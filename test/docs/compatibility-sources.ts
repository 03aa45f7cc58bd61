/** What docs/compatibility.md is made of: the library, the files that have its types, and which of its names PyTorch's database is run on. */
import * as core from 'flambeau';
import * as distributions from 'flambeau/distributions';
import * as node from 'flambeau/node';
import { MODULES, OPERATIONS, OPTIMIZERS } from '../op-db/table.ts';

export const library: Readonly<Record<string, unknown>> = { ...core, ...node, distributions };
export const files = ['src/index-node.ts', 'src/node.ts'];
export const spaces = { distributions: 'src/distributions/index.ts' };

const adapters = [...OPERATIONS.values(), ...Object.values(MODULES), ...Object.values(OPTIMIZERS)];

/** The names that the database is run on. */
export const compared: ReadonlySet<string> = new Set(adapters.map(({ of }) => of));
