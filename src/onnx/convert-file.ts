/** Converting files on disk, in Node: all that io converts, and the weights of ONNX models. */
import { BOOL, requireKind, requireOptions, TEXT, type OptionKinds } from '../base/arguments.ts';
import { FormatError } from '../base/errors.ts';
import { convertFile as convertTensors, named, writeConverted, type Converted, type ConvertOptions } from '../io/files-node.ts';
import type { RawTensor } from '../io/pt/value.ts';
import { withConstants } from './constants.ts';
import { readRaw } from './data.ts';
import { decodeModel } from './describe.ts';
import { externalOf, readWhole } from './files.ts';
import { boundedReads, OnnxUnsupportedError } from './import.ts';
import { Unsupported } from './node.ts';

const CONVERT_OPTIONS: OptionKinds<ConvertOptions> = { key: TEXT, tensorsOnly: BOOL };

/**
 * Writes the tensors of one file to another one: `.pt`, `.safetensors`, `.npz` or `.npy`, by the name's ending. Dtypes stay as they are,
 * half precision too; only NumPy has no bfloat16, which becomes float32. Nested dictionaries become names with dots. An ONNX model (`.onnx`)
 * gives its weights by their names, those that stand in `Constant` nodes by the names of the nodes' outputs; its operations are not taken along. Such files have no
 * `num_batches_tracked`: load them with `strict: false` into models with batch normalisation.
 * @throws ArgumentError when there is no such file or entry, or the target cannot hold what is in it; to make an ONNX file, use `exportOnnx`
 * @throws FormatError when the file is damaged, hostile or of another format
 * @example
 * import { nn } from 'flambeau';
 * import { convertFile, load, save } from 'flambeau/node';
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 *
 * const folder = mkdtempSync(`${tmpdir()}/flambeau-`);
 * save(new nn.Linear(4, 2).stateDict(), `${folder}/model.pt`);
 * const { tensors } = convertFile(`${folder}/model.pt`, `${folder}/model.safetensors`);
 * console.log(tensors, [...load(`${folder}/model.safetensors`).keys()].join()); // 2 weight,bias
 */
export function convertFile(from: string, to: string, options: ConvertOptions = {}): Converted {
  for (const path of [from, to]) requireKind('convertFile', 'the paths', path, TEXT);
  requireOptions<ConvertOptions>('convertFile', options, CONVERT_OPTIONS, "{ key: 'model' }");
  if (!/\.onnx$/i.test(from) || /\.onnx$/i.test(to)) return convertTensors(from, to, options);
  const file = named('convertFile', from, () => readWeights(from));
  return { from: 'onnx', ...writeConverted(file, [], from, to, options) };
}

/**
 * The initializers of a model, in the order of the file, and its metadata.
 * @throws OnnxUnsupportedError for element types that no other format has
 */
function readWeights(path: string): { value: Map<string, RawTensor>; metadata: Map<string, string> } {
  const external = boundedReads(externalOf(path));
  const { model, graph: whole } = decodeModel(readWhole('convertFile', path));
  const graph = withConstants(whole, external);
  const value = new Map<string, RawTensor>();
  const missing: string[] = [];
  for (const tensor of graph.initializer) {
    const name = tensor.name ?? '';
    const what = `initializer ${JSON.stringify(name)}`;
    if (name === '') throw new FormatError('onnx: an initializer has no name');
    if (value.has(name)) throw new FormatError(`onnx: two initializers are called ${JSON.stringify(name)}`);
    try {
      value.set(name, readRaw(tensor, what, external));
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      missing.push(`${error.message} (${what})`);
    }
  }
  if (missing.length > 0) throw new OnnxUnsupportedError(missing);
  return { value, metadata: new Map(model.metadataProps.map(({ key, value: text }) => [key ?? '', text ?? ''])) };
}
