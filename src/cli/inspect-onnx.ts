/** What `flambeau inspect` says of an ONNX model. */
import { FormatError } from '../base/errors.ts';
import { readWhole } from '../onnx/files.ts';
import { describeOnnx, type OnnxDescription, type OnnxValue } from '../onnx/index.ts';
import type { FileInfo } from '../io/inspect-file.ts';

/** A model's description as that of any file. Names come from the file: they are shown by `inspect.ts`, which makes them harmless. */
export interface OnnxInfo extends Omit<FileInfo, 'kind'> {
  readonly kind: 'onnx';
  readonly model: OnnxDescription;
}

/**
 * @throws ArgumentError when there is no such file
 * @throws FormatError when the file is damaged or no ONNX model
 */
export function inspectOnnx(path: string): OnnxInfo {
  const file = readWhole('inspect', path);
  const model = described(path, file);
  const external = model.initializers.filter(({ location }) => location !== undefined);
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const { key, value } of model.metadata) metadata[key] = value;
  return {
    kind: 'onnx',
    size: file.length,
    tensors: model.initializers,
    values: Object.fromEntries([
      ['producer', `${model.producer} ${model.producerVersion}`.trim()],
      ['operator sets', model.opsets.map(({ domain, version }) => `${domain === '' ? 'ai.onnx' : domain} ${version}`).join(', ')],
      ['inputs', model.inputs.map(valueText).join(', ')],
      ['outputs', model.outputs.map(valueText).join(', ')],
      ...(model.doc === '' ? [] : [['description', model.doc] as const]),
      ['operators', model.operators.map(({ name, count }) => `${count} ${name}`).join(', ')],
    ]),
    metadata,
    notes: external.length === 0 ? [] : [`${external.length} of the tensors lie in other files, such as ${external[0]!.location}`],
    model,
  };
}

function described(path: string, file: Uint8Array): OnnxDescription {
  try {
    return describeOnnx(file);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`inspect: ${JSON.stringify(path)}: ${cause.message}`, { cause });
  }
}

const valueText = ({ name, dtype, shape }: OnnxValue): string =>
  `${name} ${dtype} ${shape === undefined ? 'of any shape' : `[${shape.map((size) => size ?? '?').join(', ')}]`}`;
