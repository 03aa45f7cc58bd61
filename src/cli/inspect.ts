/** `flambeau inspect`: what a file holds, without loading it. */
import { inspectFile } from '../io/files-node.ts';
import type { FileInfo, TensorInfo } from '../io/inspect-file.ts';
import { bytes } from '../inspect/explain/notation.ts';
import { command } from './command.ts';
import { counted, grouped } from './format.ts';
import { inspectOnnx, type OnnxInfo } from './inspect-onnx.ts';
import { flag } from './options.ts';
import { shown } from '../base/shown.ts';

type Info = FileInfo | OnnxInfo;

const KINDS: { readonly [K in Info['kind']]: string } = {
  pt: 'PyTorch file',
  safetensors: 'safetensors file',
  npz: 'NumPy archive',
  npy: 'NumPy array',
  onnx: 'ONNX model',
};

export const inspectCommand = command({
  name: 'inspect',
  summary: 'List what a .pt, .safetensors, .npz, .npy or .onnx file holds, without loading it.',
  usage: 'inspect FILE [options]',
  details:
    'Prints names, shapes, dtypes and sizes of the tensors, other values, and metadata. Nothing in the file is run.',
  arguments: { min: 1, max: 1 },
  options: { json: flag('Print one line of JSON instead.', false) },
  async run({ values, positionals }, terminal) {
    const [path] = positionals as [string];
    const info = path.toLowerCase().endsWith('.onnx') ? inspectOnnx(path) : inspectFile(path);
    if (values.json) terminal.json(info);
    else terminal.line(lines(path, info).join('\n'));
    return await Promise.resolve(0);
  },
});

function lines(path: string, { kind, size, tensors, values, metadata, notes }: Info): string[] {
  const elements = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return [
    `${shown(path)}: ${KINDS[kind]}, ${bytes(size)}, ${counted(tensors.length, 'tensor')} of ${counted(elements, 'element')}`,
    ...notes.map((note) => `Note: ${shown(note)}`),
    ...section('Metadata', metadata),
    ...(tensors.length === 0 ? [] : ['', ...table(tensors)]),
    ...section(kind === 'onnx' ? 'Model' : 'Other values', values),
  ];
}

const section = (title: string, entries: Readonly<Record<string, string>>): string[] => {
  const rows = Object.entries(entries).map(([name, value]) => `  ${shown(name)}: ${shown(value)}`);
  return rows.length === 0 ? [] : ['', `${title}:`, ...rows];
};

function table(tensors: readonly TensorInfo[]): string[] {
  const rows = [
    ['Name', 'Shape', 'Dtype', 'Bytes'] as const,
    ...tensors.map(
      ({ name, shape, dtype, bytes: size }) => [shown(name), `[${shape.join(', ')}]`, dtype, grouped(size)] as const,
    ),
  ];
  const width = (column: 0 | 1 | 2 | 3): number => Math.max(...rows.map((row) => row[column].length));
  const widths = [width(0), width(1), width(2), width(3)] as const;
  return rows.map(
    ([name, shape, dtype, size]) =>
      `${name.padEnd(widths[0])}  ${shape.padEnd(widths[1])}  ${dtype.padEnd(widths[2])}  ${size.padStart(widths[3])}`,
  );
}
