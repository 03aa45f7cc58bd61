/** Checkpoints as files, in Node: `torch.save` and `torch.load`. Browsers use `serialize` and `deserialize` (checkpoint.ts). */
import { basename, extname } from 'node:path';
import { FormatError } from '../base/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { unpackValue } from './checkpoint-value.ts';
import { serializeChunks, type CheckpointInput, type LoadOptions } from './checkpoint.ts';
import { openSource } from './file-source.ts';
import { readPtFrom } from './pt.ts';

/**
 * Saves a state dict, or tensors in Maps, plain objects and arrays, to a file that `torch.load` opens.
 *
 * The file appears whole or not at all: an existing one stays as it was until the new one is complete.
 * @throws ArgumentError for a value that has no counterpart in Python
 * @throws FlambeauError when the file cannot be written
 * @see https://pytorch.org/docs/stable/generated/torch.save.html
 * @example
 * import { nn } from 'flambeau';
 * import { load, save } from 'flambeau/node';
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 *
 * const path = `${mkdtempSync(`${tmpdir()}/flambeau-`)}/model.pt`;
 * const model = new nn.Linear(4, 2);
 * save(model.stateDict(), path);
 * new nn.Linear(4, 2).loadStateDict(load(path));
 */
export function save(value: CheckpointInput, path: string): void {
  // torch.save names the folder inside the archive after the file; names that would not do there get the usual one.
  const name = basename(path, extname(path));
  writeFileAtomic(path, serializeChunks(value, { name: /^[\w.-]*\w[\w.-]*$/.test(name) ? name : 'archive' }));
}

/**
 * Loads what {@link save} or `torch.save` wrote. Nothing in the file is run.
 *
 * Tensors in dictionaries stay in the file until they are asked for, and `loadStateDict` reads them straight into the model: to load a
 * model takes no second model's memory.
 *
 * The type parameter says what the file is expected to hold, a state dict by default; `loadStateDict` checks that it fits the model.
 * @throws ArgumentError when there is no such file, or it cannot be read
 * @throws FormatError when it is damaged, hostile or of another format
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 */
export function load<T = Map<string, Tensor>>(path: string, options: LoadOptions = {}): T {
  const source = openSource('load', path);
  try {
    return unpackValue(readPtFrom(source, options)) as T;
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`load: ${JSON.stringify(path)}: ${cause.message}`, { cause });
  }
}
