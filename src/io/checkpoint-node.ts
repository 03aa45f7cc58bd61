/** Checkpoints as files, in Node: `torch.save` and `torch.load`. Browsers use `serialize` and `deserialize` (checkpoint.ts). */
import { basename, extname } from 'node:path';
import { requireKind, PATH } from '../base/arguments.ts';
import { writeFileAtomic } from './bytes/atomic-write.ts';
import { unpackValue, type Checkpoint } from './checkpoint-value.ts';
import { kindOfName } from './any-file.ts';
import { serializeChunks, type CheckpointInput, type LoadOptions, type SerializeOptions } from './checkpoint.ts';
import { named } from './files-node.ts';
import { readPath } from './read-path.ts';

/** Options of {@link save}. */
export type SaveOptions = Omit<SerializeOptions, 'name'>;

/**
 * Saves a state dict, or tensors in Maps, plain objects and arrays, to a file that `torch.load` opens.
 *
 * A name that ends in `.safetensors`, `.npz` or `.npy` makes a file of that format, which hold tensors only.
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
export function save(value: CheckpointInput, path: string, options: SaveOptions = {}): void {
  requireKind('save', 'the path', path, PATH, 'write save(model.stateDict(), path)');
  // torch.save names the folder inside the archive after the file; names that would not do there get the usual one.
  const name = basename(path, extname(path));
  const archive = { name: /^[\w.-]*\w[\w.-]*$/.test(name) ? name : 'archive' };
  writeFileAtomic(path, serializeChunks(value, { format: kindOfName(path), ...archive, ...options }));
}

/**
 * Loads what {@link save} or `torch.save` wrote, of any version of PyTorch, a safetensors file or the index of several, or NumPy's `.npz` or
 * `.npy`: the contents say which. Nothing in the file is run: what only running code could make is a {@link Placeholder}.
 *
 * Tensors in dictionaries stay in the file until they are asked for, and `loadStateDict` reads them straight into the model: to load a
 * model takes no second model's memory.
 *
 * What a file holds, only the file says: the result is a dictionary of anything, `load(path).get('epoch')`, `load(path).get('model')`, which
 * `loadStateDict` checks. Who knows more says it: `load<Map<string, Tensor>>(path)`, `load<Tensor[]>(path)`.
 * @throws ArgumentError when there is no such file, or it cannot be read
 * @throws FormatError when it is damaged, hostile or of another format
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 */
export function load<T = Checkpoint>(path: string, options: LoadOptions = {}): T {
  return named('load', path, () => unpackValue(readPath('load', path, options).value, options) as T);
}
