/** What docs/compatibility.md is made of: the library, and which of its names PyTorch's database is run on. */
import * as core from 'flambeau';
import * as distributions from 'flambeau/distributions';
import * as node from 'flambeau/node';
import { MODULES, OPERATIONS, OPTIMIZERS } from '../op-db/table.ts';

export const library: Readonly<Record<string, unknown>> = { ...core, ...node, distributions };

const adapters = [...OPERATIONS.values(), ...Object.values(MODULES), ...Object.values(OPTIMIZERS)];

/** The names that the database is run on, with PyTorch's names of their arguments. */
export const compared: ReadonlyMap<string, readonly string[] | undefined> = new Map(adapters.map(({ of, parameters }) => [of, parameters]));
