/** `flambeau convert`: the tensors of one file in another format. */
import { extname } from 'node:path';
import { convertFile } from '../onnx/convert-file.ts';
import { shown } from '../base/shown.ts';
import { checkpointFile } from './checkpoint.ts';
import { command } from './command.ts';
import { counted } from './format.ts';
import { flag, text, UsageError } from './options.ts';
import { forceOption, requireFree } from './output.ts';

/** Endings that files of PyTorch have; and none. */
const WRITTEN = ['', '.pt', '.pth', '.ckpt', '.bin', '.tar', '.safetensors', '.npz', '.npy', '.onnx'];

/** A name that promises another format is refused: what is written is a .pt file where the ending says nothing. */
function requireKnownEnding(to: string): void {
  const ending = extname(to).toLowerCase();
  if (WRITTEN.includes(ending)) return;
  throw new UsageError(`flambeau convert: ${shown(to)}: ${ending} files are not written; expected .pt, .pth, .safetensors, .npz or .npy`);
}

export const convertCommand = command({
  name: 'convert',
  summary: 'Convert between .pt, .safetensors, .npz and .npy files, and take the weights out of .onnx files.',
  usage: 'convert FROM TO [options]',
  details:
    "Writes the tensors of FROM in the format that TO's name asks for; what FROM is, its contents say. An ONNX model gives its\n" +
    'initializers, the folder of a run of flambeau train the weights of its best network. Dtypes stay as they are.',
  arguments: { min: 2, max: 2 },
  options: {
    key: text('NAME', 'Convert only this entry of a checkpoint, such as state_dict.'),
    tensorsOnly: flag('Leave out what is no tensor, instead of refusing.', false),
    force: forceOption,
    json: flag('Print one line of JSON instead.', false),
  },
  async run({ values, positionals }, terminal) {
    const [from, to] = positionals as [string, string];
    const { tensorsOnly } = values;
    requireKnownEnding(to);
    requireFree('TO', to, values.force);
    const file = checkpointFile(from);
    const key = values.key ?? (file === from ? undefined : 'state_dict');
    const result = convertFile(file, to, { tensorsOnly, ...(key === undefined ? {} : { key }) });
    if (values.json) terminal.json(result);
    else {
      for (const note of result.notes) terminal.line(`Note: ${shown(note)}`);
      terminal.line(`Wrote ${shown(to)}: ${counted(result.tensors, 'tensor')}`);
    }
    return await Promise.resolve(0);
  },
});
