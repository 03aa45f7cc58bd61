/** What the Build view asks a worker for; it needs no run. */
import { describe, type Description } from '../core/describe.ts';
import { readModelFile } from '../core/model-file.ts';
import type { ModelFile } from '../core/model-settle.ts';
import type { NetworkSpec } from '../core/spec.ts';

export const buildFunctions = {
  /** @throws FormatError, ModelError with a sentence for people */
  readModelFile: (bytes: Uint8Array, name: string, network: NetworkSpec, classes: number): ModelFile =>
    readModelFile(bytes, name, network, classes),
  describeNetwork: (network: NetworkSpec, classes: number): Description => describe(network, classes),
};
