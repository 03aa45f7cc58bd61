/** The page that classifies, apart from its network: files, pictures that are dropped or pasted, the camera, and what is shown of them. Browsers only. */
import { fromBase64 } from '../../base/base64.ts';
import { FormatError } from '../../base/errors.ts';
import { reason } from '../../io/bytes/reason.ts';
import { decodeImage } from '../../io/image/decode.ts';
import type { Image } from '../../io/image/image.ts';
import { MAX_PIXELS } from '../../io/image/limits.ts';
import { compile } from '../../tensor/compile.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { imageOfDrawable } from '../../vision/drawn-image.ts';
import { resize } from '../../vision/resize.ts';

/** A class and how sure the network is of it. */
interface Guess {
  readonly name: string;
  readonly probability: number;
}

/** From the network's input to all classes, the most probable first. */
type Classify = (input: Tensor) => readonly Guess[];

/** The network of a page: what it makes of inputs [1, …], and how files' bytes and decoded pictures become inputs […]. */
export interface PageNetwork {
  readonly network: (input: Tensor) => Tensor;
  readonly classes: readonly string[];
  readonly inputOf: (image: Image) => Tensor;
  /** @throws FormatError where this library cannot decode the file */
  readonly readInput: (file: Uint8Array, name: string) => Promise<Tensor>;
}

interface Network extends PageNetwork {
  readonly classify: Classify;
}

/** Makes the network of the description and the weights that lie in the page. */
export type OpenPage = (description: unknown, weights: Uint8Array) => PageNetwork;

/** Classes that are shown of each picture. */
const SHOWN = 5;
/** Longer edge of a picture that is shown. */
const PREVIEW = 440;
/** Milliseconds between two looks through the camera, at least. */
const PAUSE = 120;

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [file, drop, camera] = [byId<HTMLInputElement>('file'), byId('drop'), byId<HTMLButtonElement>('camera')];
const [status, results, live] = [byId('status'), byId('results'), byId('live')];
const [video, seen, stop] = [byId<HTMLVideoElement>('video'), byId('seen'), byId<HTMLButtonElement>('stop')];

function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  text = '',
  more: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(name), text === '' ? {} : { textContent: text }, more);
}

/** Lets the browser draw before something long. */
const drawn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 30));

function load(open: OpenPage): Network {
  const holder = byId('weights');
  const opened = open(JSON.parse(byId('description').textContent), fromBase64(holder.textContent));
  holder.remove();
  const infer = compile((x: Tensor) => withGradMode(false, () => opened.network(x).softmax(1)));
  const classify: Classify = (input) => {
    const values = infer(input.unsqueeze(0)).toTypedArray();
    return opened.classes.map((name, i) => ({ name, probability: Number(values[i]) })).sort((a, b) => b.probability - a.probability);
  };
  return { ...opened, classify };
}

/** A picture to show, and what `flambeau predict` sees of it; what this library cannot decode, the browser may. */
async function read({ readInput, inputOf }: Network, picture: Blob, name: string): Promise<{ image: Image; input: Tensor }> {
  try {
    const file = new Uint8Array(await picture.arrayBuffer());
    const input = await readInput(file, name);
    return { input, image: await decodeImage(file, { name, orientation: true, draft: [PREVIEW, PREVIEW] }) };
  } catch (error) {
    const bitmap = error instanceof FormatError ? await createImageBitmap(picture).catch(() => undefined) : undefined;
    if (bitmap === undefined) throw error;
    const image = imageOfDrawable(bitmap, MAX_PIXELS);
    return { image, input: inputOf(image) };
  }
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

function fill(list: HTMLElement, guesses: readonly Guess[]): void {
  list.replaceChildren(
    ...guesses.slice(0, SHOWN).map(({ name, probability }) => {
      const row = make('li');
      row.dataset['probability'] = String(probability);
      const bar = make('i');
      bar.style.width = `${100 * probability}%`;
      row.append(bar, make('span', name), make('span', percent(probability)));
      return row;
    }),
  );
}

function thumbnail(image: Image, what: string): HTMLCanvasElement {
  const scale = Math.min(1, PREVIEW / Math.max(image.width, image.height));
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  const { width, height, data } = resize(image.convert('RGB'), side(image.width), side(image.height));
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!, 255], 4 * i);
  const canvas = make('canvas', '', { width, height });
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', what);
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  return canvas;
}

async function show(network: Network, picture: Blob, name: string): Promise<void> {
  const card = make('article');
  try {
    const { image, input } = await read(network, picture, name);
    const guesses = network.classify(input);
    const list = make('ol', '', { className: 'guesses' });
    fill(list, guesses);
    const text = make('div');
    text.append(make('h2', guesses[0]?.name), make('p', name), list);
    card.append(thumbnail(image, name), text);
  } catch (error) {
    card.className = 'failed';
    const message = reason(error);
    const text = make('div');
    text.append(make('p', name), make('p', message.replace(/^(decodeImage|readImage): /, '').replace(`${JSON.stringify(name)}: `, '')));
    card.append(make('h2', 'This cannot be read'), text);
  }
  results.prepend(card);
}

/** One picture after the other, in the order in which they came. */
function queueOf(network: Network): (pictures: readonly File[]) => void {
  let last = Promise.resolve();
  return (pictures) => {
    for (const [i, picture] of pictures.entries()) {
      last = last.then(async () => {
        status.textContent = pictures.length > 1 ? `Looking at picture ${i + 1} of ${pictures.length} …` : 'Looking …';
        await drawn();
        await show(network, picture, picture.name === '' ? 'picture' : picture.name);
        status.textContent = '';
      });
    }
  };
}

async function watch({ classify, inputOf }: Network): Promise<void> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
  } catch (error) {
    status.textContent = `The camera cannot be used: ${reason(error)}`;
    return;
  }
  status.textContent = '';
  live.hidden = false;
  camera.hidden = true;
  video.srcObject = stream;
  await video.play();
  stop.focus();
  stop.onclick = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    live.hidden = true;
    camera.hidden = false;
    camera.focus();
  };
  while (stream.active && video.srcObject === stream) {
    if (video.videoWidth > 0) fill(seen, classify(inputOf(imageOfDrawable(video, MAX_PIXELS))));
    await new Promise((resolve) => void setTimeout(resolve, PAUSE));
  }
}

function listen(take: (pictures: readonly File[]) => void): void {
  file.addEventListener('change', () => {
    take([...(file.files ?? [])]);
    file.value = ''; // the same file may be chosen again
  });
  document.addEventListener('paste', (event) => take([...(event.clipboardData?.files ?? [])]));
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop'] as const) {
    document.addEventListener(kind, (event) => {
      event.preventDefault(); // else the browser opens the file
      drop.classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
      if (kind === 'drop') take([...(event.dataTransfer?.files ?? [])]);
    });
  }
}

async function start(open: OpenPage): Promise<void> {
  await drawn();
  const network = load(open);
  listen(queueOf(network));
  file.disabled = false;
  camera.disabled = false;
  camera.hidden = (navigator as { mediaDevices?: unknown }).mediaDevices === undefined;
  camera.onclick = () => void watch(network);
  status.textContent = '';
}

/** Makes the page work. */
export function startPage(open: OpenPage): void {
  start(open).catch((error: unknown) => {
    status.textContent = `The network cannot be used here: ${reason(error)}`;
  });
}
