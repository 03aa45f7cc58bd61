/** What the Build view asks a worker for; it needs no run. */
import { describe, type Description } from '../core/describe.ts';
import type { NetworkSpec } from '../core/spec.ts';

export const buildFunctions = {
  describeNetwork: (network: NetworkSpec, classes: number): Description => describe(network, classes),
};
