/** What can be taken away: what each file is for, how it is used elsewhere, how large it will be about. Texts only; files.ts makes the files. */
import type { NetworkSpec } from '../spec.ts';

export const OFFER_KINDS = ['pt', 'html', 'onnx', 'safetensors', 'report', 'pictures'] as const;
export type OfferKind = (typeof OFFER_KINDS)[number];

/** Two lines that use the file, in a language or at a place. */
export interface Use {
  readonly where: 'Python' | 'TypeScript' | 'Browser';
  readonly code: string;
}

export interface OfferFacts {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly network: NetworkSpec;
  readonly classes: readonly string[];
  /** Of parameters and buffers. */
  readonly weightBytes: number;
  /** Of the page's program. */
  readonly programBytes: number;
  readonly pictures: number;
}

export interface Offer {
  readonly title: string;
  readonly purpose: string;
  readonly fileName: (facts: OfferFacts) => string;
  /** Bytes, about. */
  readonly size: (facts: OfferFacts) => number;
  readonly uses: (facts: OfferFacts) => readonly Use[];
}

const pictureBytes = ({ pictures, network }: OfferFacts): number => pictures * network.channels * network.size ** 2;
const named = (ending: string) => (facts: OfferFacts) => `${facts.name}${ending}`;
const shape = ({ network: { channels, size } }: OfferFacts): string => `[N, ${channels}, ${size}, ${size}]`;

/** Total: a kind without its texts does not compile. */
export const OFFERS: { readonly [K in OfferKind]: Offer } = {
  pt: {
    title: 'PyTorch file',
    purpose: 'The weights as torch.save writes them. The keys are those of the PyTorch program that the Build view shows.',
    fileName: named('.pt'),
    size: ({ weightBytes }) => weightBytes + 3000,
    uses: (facts) => [
      { where: 'Python', code: `state = torch.load('${facts.name}.pt', weights_only=True)\nmodel.load_state_dict(state)` },
      { where: 'TypeScript', code: `import { load } from 'flambeau/node';\nmodel.loadStateDict(load('${facts.name}.pt'));` },
      { where: 'Browser', code: `import { load } from 'flambeau/files/web';\nmodel.loadStateDict(await load('/${facts.name}.pt'));` },
    ],
  },
  html: {
    title: 'A page that classifies',
    purpose:
      'One HTML file with the network inside. It says what is in a picture that is dropped on it or held before the camera. Give it to anyone: it works offline.',
    fileName: named('.html'),
    size: ({ weightBytes, programBytes }) => programBytes + Math.ceil((weightBytes * 4) / 3) + 8000,
    uses: (facts) => [
      { where: 'Python', code: `import webbrowser, pathlib\nwebbrowser.open(pathlib.Path('${facts.name}.html').resolve().as_uri())` },
      { where: 'Browser', code: `<!-- open the file by a double click, or show it in a page of your own: -->\n<iframe src="${facts.name}.html" allow="camera"></iframe>` },
    ], // prettier-ignore
  },
  onnx: {
    title: 'ONNX file',
    purpose:
      'Network and weights in the format that many programs and phones run. It takes any number of pictures at once and gives a score for each class.',
    fileName: named('.onnx'),
    size: ({ weightBytes }) => weightBytes + 3000,
    uses: (facts) => [
      { where: 'Python', code: `session = onnxruntime.InferenceSession('${facts.name}.onnx')\n(scores,) = session.run(None, {'input': x})  # x: float32 ${shape(facts)}, pixels / 127.5 - 1` },
      { where: 'TypeScript', code: `const model = importOnnx('${facts.name}.onnx'); // from 'flambeau/node'\nconst scores = model(x); // x: ${shape(facts)}, pixels / 127.5 - 1` },
      { where: 'Browser', code: `const file = await loadFile('/${facts.name}.onnx'); // from 'flambeau/files/web'\nconst model = deserializeOnnx(file); // from 'flambeau/onnx'` },
    ], // prettier-ignore
  },
  safetensors: {
    title: 'safetensors file',
    purpose: 'The same weights in the format of Hugging Face, which no program can hide in.',
    fileName: named('.safetensors'),
    size: ({ weightBytes }) => weightBytes + 1500,
    uses: (facts) => [
      { where: 'Python', code: `from safetensors.torch import load_file\nmodel.load_state_dict(load_file('${facts.name}.safetensors'))` },
      { where: 'TypeScript', code: `import { load } from 'flambeau/node';\nmodel.loadStateDict(load('${facts.name}.safetensors'));` },
      {
        where: 'Browser',
        code: `import { load } from 'flambeau/files/web';\nmodel.loadStateDict(await load('/${facts.name}.safetensors'));`,
      },
    ],
  },
  report: {
    title: 'Report',
    purpose:
      'A page to read, print or hand in: curves, which classes are mistaken for which, the surest mistakes, where the network looks, its filters.',
    fileName: named('-report.html'),
    size: () => 250_000,
    uses: (facts) => [
      { where: 'Browser', code: `<!-- open the file by a double click; it needs no internet -->\n<a href="${facts.name}-report.html">Report</a>` },
    ], // prettier-ignore
  },
  pictures: {
    title: 'Pictures',
    purpose:
      'All pictures at the size that the network sees, with their labels, as tensors of PyTorch. The programs of the Build view load it.',
    fileName: () => 'pictures.pt',
    size: (facts) => pictureBytes(facts) + facts.pictures * 8 + 3000,
    uses: () => [
      { where: 'Python', code: `data = torch.load('pictures.pt', weights_only=True)\nx = data['images'].float() / 127.5 - 1; y = data['labels']  # kept aside: valid_images, valid_labels` },
      { where: 'TypeScript', code: `const data = load('pictures.pt'); // from 'flambeau/node'\nconst x = data.get('images').float().div(127.5).sub(1);` },
    ], // prettier-ignore
  },
};

/** `12 KB`, `3.4 MB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} KB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
