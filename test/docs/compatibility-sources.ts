/** What docs/compatibility.md is made of: the library, and which of its names PyTorch's database is run on. */
import * as core from 'flambeau';
import * as distributions from 'flambeau/distributions';
import * as node from 'flambeau/node';
import { MODULES, OPERATIONS, OPTIMIZERS } from '../op-db/table.ts';

export const library: Readonly<Record<string, unknown>> = { ...core, ...node, distributions };

export const compared: ReadonlySet<string> = new Set(
  [...OPERATIONS.values(), ...Object.values(MODULES), ...Object.values(OPTIMIZERS)].map(({ of }) => of),
);
