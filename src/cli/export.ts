/** `flambeau export`: a trained network in a form that other programs use. */
import { dirname, extname, relative, resolve } from 'node:path';
import { shown } from '../base/shown.ts';
import { bytes as sized } from '../inspect/explain/notation.ts';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import { serializeOnnx } from '../onnx/index.ts';
import { zeros } from '../tensor/create.ts';
import type { TrainedClassifier } from '../train/classifier.ts';
import { pythonProgram } from '../train/export/python.ts';
import { normalizationOf } from '../train/preprocess.ts';
import { checkpointFile, inputOption, loadClassifier } from './checkpoint.ts';
import { command } from './command.ts';
import { quoted } from './format.ts';
import { choice, flag, text, UsageError } from './options.ts';
import { forceOption, requireFree } from './output.ts';
import { newestCheckpoint } from './run-folder.ts';

const ENDINGS = { onnx: '.onnx', python: '.py', html: '.html' } as const;
type Format = keyof typeof ENDINGS;
const FORMATS = Object.keys(ENDINGS) as Format[];

export const exportCommand = command({
  name: 'export',
  summary: 'Write a trained network as an ONNX model, a Python program, or a page that classifies.',
  usage: 'export [CHECKPOINT] [options]',
  details: `Takes what flambeau train has saved: a .pt file or the folder of a run (default: the newest run in runs/).
  onnx    the network, from images [N, channels, height, width] to logits, for onnxruntime and others; its description says
          how pixels become numbers, and names the classes
  python  a program with the network in PyTorch, the preprocessing and the classes; it opens the checkpoint
  html    one page that says what is in pictures that are dropped, pasted or seen by the camera; the network is inside, it
          needs no other file and no internet connection, and pictures stay on the device`,
  arguments: { min: 0, max: 1 },
  options: {
    format: choice(FORMATS, 'What to write (default: as the ending of --out says).'),
    out: text('FILE', "Where to write it (default: beside the checkpoint, with the format's ending)."),
    float16: flag('Halve the weights of a page: half the size, probabilities that differ in the third digit.', false),
    force: forceOption,
    input: inputOption,
    json: flag('Print one line of JSON instead.', false),
  },
  async run({ values, given, positionals: [path] }, terminal) {
    const checkpoint = checkpointFile(path ?? newestCheckpoint());
    const format = values.format ?? formatOf(values.out);
    if (given.has('float16') && format !== 'html') throw new UsageError('flambeau export: --float16 is for --format html');
    const out = values.out ?? `${checkpoint.slice(0, checkpoint.length - extname(checkpoint).length)}${ENDINGS[format]}`;
    requireFree('--out', out, values.force);
    const classifier = loadClassifier(checkpoint, values.input);
    const data = await exported(format, classifier, checkpoint, out, values.float16);
    writeFileAtomic(out, data);
    if (values.json) terminal.json({ checkpoint, format, file: out, bytes: data.length });
    else terminal.line(`Wrote ${shown(out)} (${sized(data.length)})${HINTS[format](shown(quoted(relative('.', out))))}`);
    return 0;
  },
});

const HINTS: { readonly [K in Format]: (file: string) => string } = {
  onnx: () => '',
  python: (file) => `; python ${file} IMAGE says what is in an image`,
  html: () => '; open it in a browser',
};

function formatOf(out: string | undefined): Format {
  const ending = extname(out ?? '').toLowerCase();
  const found = FORMATS.find((format) => ENDINGS[format] === ending);
  if (found !== undefined) return found;
  throw new UsageError(
    `flambeau export: say what to write with --format ${FORMATS.join('|')}, or with the ending of --out (${Object.values(ENDINGS).join(', ')})`,
  );
}

const utf8 = (content: string): Uint8Array => new TextEncoder().encode(content);

async function exported(
  format: Format,
  classifier: TrainedClassifier,
  checkpoint: string,
  out: string,
  isHalf: boolean,
): Promise<Uint8Array> {
  if (format === 'python')
    return utf8(pythonProgram(classifier, relative(dirname(resolve(out)), resolve(checkpoint)).replaceAll('\\', '/')));
  if (format === 'onnx') return onnxModel(classifier);
  const { classifierPage } = await import('../train/export/page.ts');
  return utf8(classifierPage(classifier, { float16: isHalf }));
}

/** The network, with what else one has to know in its description. */
function onnxModel({ network, spec, classes, model }: TrainedClassifier): Uint8Array {
  const { mean, std } = normalizationOf(spec);
  const { channels, height, width, resize } = spec;
  const pixels = `${channels === 1 ? 'grey' : 'RGB'} from 0 to 1, shorter edge scaled to ${resize ?? 'the size'}, cut to the middle, (x - mean) / std`;
  const docString = JSON.stringify({ network: model, classes, pixels, mean, std });
  return serializeOnnx(network, zeros(1, channels, height, width), { inputNames: ['images'], outputNames: ['logits'], docString });
}
