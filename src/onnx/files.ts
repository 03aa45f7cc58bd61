/** ONNX models as files, in Node. Browsers use `serializeOnnx` and `deserializeOnnx`. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { POSITIVE, requireKind, requireOptions, PATH } from '../base/arguments.ts';
import { ArgumentError, FormatError } from '../base/errors.ts';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { encodeOnnx, type ExportableModel, type OnnxExportOptions } from './export/export.ts';
import { isWithinFolder, type ReadExternal } from './data.ts';
import { importModel, type DeserializeOnnxOptions } from './import.ts';
import type { OnnxModule } from './module.ts';

/**
 * Writes a model to an ONNX file (https://onnx.ai), as `serializeOnnx` of `flambeau/onnx` does it: in evaluation mode, with any batch
 * size unless `dynamicBatch` is false.
 *
 * The file appears whole or not at all: an existing one stays as it was until the new one is complete.
 * @param example the model's input, or an array of them; only shapes and dtypes matter
 * @throws ArgumentError for operations that ONNX does not have, with the module that they are in
 * @throws FlambeauError when the file cannot be written
 * @see https://pytorch.org/docs/stable/onnx.html
 * @example
 * import { nn, randn } from 'flambeau';
 * import { exportOnnx, importOnnx } from 'flambeau/node';
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 *
 * const file = `${mkdtempSync(`${tmpdir()}/flambeau-`)}/model.onnx`;
 * const model = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU());
 * exportOnnx(model, randn(1, 3, 32, 32), file);
 * if (importOnnx(file)(randn(5, 3, 32, 32)).shape.join() !== '5,8,30,30') throw new Error('any batch size');
 */
export function exportOnnx(
  model: ExportableModel,
  example: Tensor | readonly Tensor[],
  file: string,
  options: OnnxExportOptions = {},
): void {
  requireKind('exportOnnx', 'the path', file, PATH, "write exportOnnx(model, example, 'model.onnx')");
  writeFileAtomic(file, encodeOnnx(model, example, options).chunks);
}

/** Options of {@link importOnnx}. */
export type ImportOnnxOptions = Pick<DeserializeOnnxOptions, 'maxBytes'>;

/**
 * Makes a module of an ONNX file, as `deserializeOnnx` of `flambeau/onnx` does it: calling it runs the graph, its parameters are the file's
 * weights. Weights in other files are read from the model's own folder only, and not through links.
 * @throws ArgumentError when there is no such file, or it cannot be read
 * @throws FormatError when it is damaged, hostile or of another format
 * @throws OnnxUnsupportedError that lists all operators, attributes and types that Flambeau does not have
 */
export function importOnnx<Out extends Tensor | Tensor[] = Tensor>(file: string, options: ImportOnnxOptions = {}): OnnxModule<Out> {
  const { maxBytes } = requireOptions<ImportOnnxOptions>('importOnnx', options, { maxBytes: POSITIVE }, '{ maxBytes: 1e9 }');
  try {
    return importModel<Out>(readWhole('importOnnx', file), { external: externalOf(file), maxBytes });
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`importOnnx: ${JSON.stringify(file)}: ${cause.message}`, { cause });
  }
}

/** Reads weights from files in a model's folder. */
export function externalOf(file: string): ReadExternal {
  const folder = path.dirname(path.resolve(file));
  return (location, offset, length) => readPart(folder, location, offset, length);
}

/** @throws ArgumentError when there is no such file, or it cannot be read */
export function readWhole(op: string, file: string): Uint8Array {
  requireKind(op, 'the path', file, PATH);
  try {
    return fs.readFileSync(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new ArgumentError(`${op}: cannot read ${JSON.stringify(file)}: ${why}`, { cause });
  }
}

/** A part of a file in the folder. The name comes from the model, so from a stranger. */
function readPart(folder: string, location: string, offset: number, length: number | undefined): Uint8Array {
  const refuse = (why: string): never => {
    throw new FormatError(`onnx: the weights in ${JSON.stringify(location)} are refused: ${why}`);
  };
  const parts = location.split(/[/\\]/);
  if (!isWithinFolder(location)) refuse('expected the name of a file in the folder of the model');
  let place = folder;
  let found: fs.Stats | undefined;
  for (const part of parts.filter((name) => name !== '' && name !== '.')) {
    place = path.join(place, part);
    found = fs.lstatSync(place, { throwIfNoEntry: false });
    if (found === undefined) refuse('there is no such file in the folder of the model');
    if (found!.isSymbolicLink()) refuse('it is a link, or in a folder that is one; put the file itself there');
  }
  if (found?.isFile() !== true) refuse('it is not an ordinary file');
  return readRange(place, offset, length, refuse);
}

function readRange(place: string, offset: number, length: number | undefined, refuse: (why: string) => never): Uint8Array {
  // It was no link a moment ago, and it is not opened if it has become one.
  const descriptor = fs.openSync(place, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const { size } = fs.fstatSync(descriptor);
    const count = length ?? size - offset;
    if (offset + count > size || count < 0) refuse(`bytes ${offset} to ${offset + count} are asked for, but it has ${size}`);
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const read = fs.readSync(descriptor, bytes, at, Math.min(count - at, 2 ** 30), offset + at);
      if (read === 0) refuse('it has become shorter while it was read');
      at += read;
    }
    return bytes;
  } finally {
    fs.closeSync(descriptor);
  }
}
