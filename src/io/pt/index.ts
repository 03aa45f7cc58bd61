/**
 * `flambeau/files/pt`: PyTorch's files of today and nothing else, for programs that download weights and should stay small. `flambeau/files` reads all that is known.
 */
import '../../tensor/tensor.ts'; // registers the class

import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { FormatError } from '../../base/errors.ts';
import { StoredZipReader } from '../archive/stored-zip.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { unpackValue, type Checkpoint } from '../checkpoint-value.ts';
import type { LoadOptions } from '../checkpoint.ts';
import { pickleOptions, readPtArchive } from './archive.ts';

export type { ByteInput } from '../../base/bytes.ts';
export type { Checkpoint, CheckpointKey, CheckpointValue } from '../checkpoint-value.ts';
export type { LoadOptions } from '../checkpoint.ts';

/**
 * Reads the bytes of a file that `torch.save` of PyTorch 1.6 or later wrote, running nothing in it: as `deserialize` of `flambeau/files`, which also reads older
 * files, archives that were packed anew with compression, safetensors and NumPy's.
 * @throws FormatError when the file is damaged, hostile or of another format, or holds other things than plain values and tensors
 * @throws DeviceError for a `mapLocation` that is not there
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 * @example
 * import { nn } from 'flambeau';
 * import { serialize } from 'flambeau/files';
 * import { deserialize } from 'flambeau/files/pt';
 *
 * const bytes = serialize(new nn.Linear(4, 2).stateDict()); // or await (await fetch('weights.pt')).arrayBuffer()
 * new nn.Linear(4, 2).loadStateDict(deserialize(bytes));
 */
export function deserialize<T = Checkpoint>(bytes: ByteInput, options: LoadOptions = {}): T {
  const source = bytesSource(bytesOf('deserialize', bytes));
  if (String.fromCharCode(...source.read(0, Math.min(2, source.size))) !== 'PK')
    throw new FormatError(
      "deserialize: expected a file that torch.save of PyTorch 1.6 or later wrote; deserialize of 'flambeau/files' reads other files, and says what this one is",
    );
  const value = readPtArchive(new StoredZipReader(source, options), source.size, pickleOptions(options));
  return unpackValue(value, options) as T;
}
