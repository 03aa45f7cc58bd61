/** Importing ONNX models whose weights lie in other files, where those come asynchronously: in browsers. */
import { OPTIONS, requireKind } from '../base/arguments.ts';
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { ArgumentError, FormatError } from '../base/errors.ts';
import type { HostBlob, HostUrl } from '../base/host-types.ts';
import { addressOf, besides, fetchFile, fetchingOf, type FetchFileOptions } from '../io/web/fetch-file.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isWithinFolder } from './data.ts';
import { decodeModel } from './describe.ts';
import { importDecoded, partOf, type DeserializeOnnxOptions } from './import.ts';
import type { Message } from './messages.ts';
import type { OnnxModule } from './module.ts';

/** Options of {@link deserializeOnnxAsync}. */
export interface DeserializeOnnxAsyncOptions extends FetchFileOptions, Pick<DeserializeOnnxOptions, 'maxBytes'> {
  /**
   * Gives a file beside the model that has some of its weights, by the name that the model has for it, which may come from a stranger. For
   * a model from a URL it is fetched from the model's own folder unless this is given.
   */
  readonly externalData?: (location: string) => ByteInput | HostBlob | Promise<ByteInput | HostBlob>;
}

const OP = 'deserializeOnnxAsync';

/**
 * Makes a module of an ONNX model as `deserializeOnnx` does it, from a URL, a `Blob` or `File`, or bytes, with weights in other files: what
 * PyTorch exports by default. All files are there before anything is made; they come as with `loadFile` of `flambeau/files/web`, whose options these are: `onProgress`, `cache`,
 * `signal`, `sha256` (of the model's own file).
 * @throws ArgumentError when weights are in another file and nobody says where that is
 * @throws FetchError when a file cannot be fetched
 * @throws FormatError when one is damaged, hostile or of another format
 * @throws OnnxUnsupportedError that lists all operators, attributes and types that Flambeau does not have
 * @example
 * import { nn, zeros } from 'flambeau';
 * import { deserializeOnnxAsync, serializeOnnx } from 'flambeau/onnx';
 *
 * const file = new Blob([serializeOnnx(new nn.Linear(4, 2), zeros(1, 4))]);
 * const model = await deserializeOnnxAsync(file, { externalData: async (name) => (await fetch(`/models/${name}`)).arrayBuffer() });
 * console.log(model(zeros(3, 4)).shape); // [ 3, 2 ]
 */
export async function deserializeOnnxAsync<Out extends Tensor | Tensor[] = Tensor>(
  source: string | HostUrl | HostBlob | ByteInput,
  options: DeserializeOnnxAsyncOptions = {},
): Promise<OnnxModule<Out>> {
  requireKind(OP, 'options', options, OPTIONS);
  const { externalData, maxBytes } = options;
  const fetching = fetchingOf(OP, options);
  const url = typeof source === 'string' || source instanceof URL ? addressOf(OP, source) : undefined;
  const decoded = decodeModel(url === undefined ? await bytesFrom(source as HostBlob | ByteInput) : await fetchFile(url, fetching));
  const beside = besides(fetching);
  const files = new Map<string, Uint8Array>();
  for (const location of locationsOf(decoded.graph)) {
    if (externalData !== undefined) files.set(location, await bytesFrom(await externalData(location)));
    else if (url !== undefined) files.set(location, await fetchFile(besideOf(url, location), beside));
    else throw new ArgumentError(`${OP}: weights are in another file, ${JSON.stringify(location)}; pass it with the option externalData`);
  }
  return importDecoded<Out>(decoded, {
    maxBytes,
    external: (location, offset, length) => partOf(files.get(location)!, location, offset, length),
  });
}

const bytesFrom = async (source: HostBlob | ByteInput): Promise<Uint8Array> =>
  source instanceof Blob ? new Uint8Array(await source.arrayBuffer()) : bytesOf(OP, source);

/** The file of a name in the folder of a model. */
function besideOf(url: string, location: string): string {
  if (!isWithinFolder(location))
    throw new FormatError(
      `onnx: the weights in ${JSON.stringify(location)} are refused: expected the name of a file in the folder of the model`,
    );
  const path = location
    .split(/[/\\]/)
    .filter((part) => part !== '' && part !== '.')
    .map(encodeURIComponent)
    .join('/');
  return String(new URL(path, url));
}

/** The files that a graph names. */
function locationsOf({ initializer, sparseInitializer, node }: Message<'Graph'>): Set<string> {
  const attributes = node.flatMap(({ attribute }) => attribute);
  const sparse = [...sparseInitializer, ...attributes.map(({ sparseTensor }) => sparseTensor)];
  const tensors = [...initializer, ...attributes.map(({ t }) => t), ...sparse.flatMap((x) => [x?.values, x?.indices])];
  const names = tensors.map((tensor) =>
    tensor?.dataLocation === 1 ? tensor.externalData.find(({ key }) => key === 'location')?.value : undefined,
  );
  return new Set(names.filter((name) => name !== undefined));
}
