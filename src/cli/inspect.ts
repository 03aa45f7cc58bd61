/** `flambeau inspect`: what a file holds, without loading it. */
import { inspectFile } from '../io/files-node.ts';
import type { FileInfo, TensorInfo } from '../io/inspect-file.ts';
import { bytes } from '../inspect/explain/notation.ts';
import { STATE_KEYS, STATE_PREFIXES } from '../train/find-state.ts';
import { recogniseShapes } from '../train/networks.ts';
import { checkpointFile } from './checkpoint.ts';
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
  details: `Prints names, shapes, dtypes and sizes of the tensors, other values, and metadata, and which network the weights belong
to if it is known. FILE may be the folder of a run of flambeau train, too. Nothing in the file is run.`,
  arguments: { min: 1, max: 1 },
  options: { json: flag('Print one line of JSON instead.', false) },
  async run({ values, positionals }, terminal) {
    const [path] = positionals as [string];
    const file = checkpointFile(path);
    const found = file.toLowerCase().endsWith('.onnx') ? inspectOnnx(file) : inspectFile(file);
    const known = found.kind === 'onnx' ? undefined : recognised(found);
    const info = known === undefined ? found : { ...found, notes: [...found.notes, known] };
    if (values.json) terminal.json(info);
    else terminal.line(lines(file, info).join('\n'));
    return await Promise.resolve(0);
  },
});

/** What is said of weights of a network that is known here. */
function recognised({ tensors }: FileInfo): string | undefined {
  const beginnings = ['', ...STATE_KEYS.map((key) => `${key}.`)].flatMap((key) => ['', ...STATE_PREFIXES].map((prefix) => key + prefix));
  for (const beginning of beginnings) {
    const inside = tensors.filter(({ name }) => name.startsWith(beginning));
    const known = recogniseShapes(inside.map(({ name, shape }) => [name.slice(beginning.length), shape]));
    if (known !== undefined) return `the weights are those of ${known.name} with ${grouped(known.classes)} classes`;
  }
  return undefined;
}

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
    ...tensors.map(({ name, shape, dtype, bytes: size }) => [shown(name), `[${shape.join(', ')}]`, dtype, grouped(size)] as const),
  ];
  const width = (column: 0 | 1 | 2 | 3): number => Math.max(...rows.map((row) => row[column].length));
  const widths = [width(0), width(1), width(2), width(3)] as const;
  return rows.map(
    ([name, shape, dtype, size]) =>
      `${name.padEnd(widths[0])}  ${shape.padEnd(widths[1])}  ${dtype.padEnd(widths[2])}  ${size.padStart(widths[3])}`,
  );
}
