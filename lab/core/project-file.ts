/**
 * A project as one file: a zip archive with `project.json` and a PNG file of each picture, in `train` and `valid` with a folder for each class, as
 * torchvision's `ImageFolder` reads them; in `runs` each run with its weights (project-runs.ts). Such files come from anywhere, so everything in them is
 * checked and bounded.
 */
import { FormatError } from 'flambeau';
import { decodeImage, encodeImage, Image } from 'flambeau/vision';
import { zipChunks } from '../../src/io/archive/zip-write.ts';
import { ZipReader } from '../../src/io/archive/zip.ts';
import { MOST_PICTURES, type Splitting } from './collection.ts';
import {
  MOST_CHECKPOINTS,
  MOST_RUNS,
  packRun,
  packWeights,
  unpackRun,
  unpackWeights,
  type Member,
  type ProjectRun,
  type Reader,
} from './project-runs.ts';
import { MOST_SIDE, pictureFacts, readPictureFacts, readSplitting } from './read-pictures.ts';
import { readSetup, SetupError } from './read-setup.ts';
import type { Weights } from './session.ts';
import type { Picture, Setup } from './spec.ts';
import { safeName } from './take/names.ts';
import { messageOf } from './failure.ts';

export interface Project {
  readonly setup: Setup;
  readonly splitting: Splitting;
  readonly pictures: readonly Picture[];
  /** Pictures that runs were made of and that are not in the project any more. */
  readonly others: readonly Picture[];
  readonly runs: readonly ProjectRun[];
  /** Weights of a file that runs are to begin with. */
  readonly start: { readonly name: string; readonly weights: Weights } | undefined;
}

/** 1 had no runs. */
const VERSION = 2;
const FORMAT = 'flambeau laboratory project';
const DESCRIPTION = 'project.json';
export const LARGEST_FILE = 2 ** 30;
const MOST_ENTRIES = 2 * MOST_PICTURES + MOST_RUNS * (MOST_CHECKPOINTS + 2) + 10;
const LARGEST_DESCRIPTION = 32 * 2 ** 20;
/** Bytes of a picture's file: pixels that do not compress, and room for what belongs to a PNG file. */
const LARGEST_PICTURE = 4 * MOST_SIDE * MOST_SIDE;

/** Where pictures lie: classes in their order, so that `ImageFolder` gives them the same labels. */
function placesOf({ setup, pictures }: Project): readonly string[] {
  const digits = String(Math.max(0, setup.classes.length - 1)).length;
  const folders = setup.classes.map((name, label) => `${String(label).padStart(digits, '0')}-${safeName(name, 'class')}`);
  const counts = new Map<string, number>();
  return pictures.map(({ part, label }) => {
    const folder = `${part}/${folders[label] ?? 'none'}`;
    const count = (counts.get(folder) ?? 0) + 1;
    counts.set(folder, count);
    return `${folder}/${String(count).padStart(4, '0')}.png`;
  });
}

export function packProject(project: Project): Uint8Array {
  const places = placesOf(project);
  const { setup, splitting, others, runs, start } = project;
  const pictures = project.pictures.map((picture, i) => ({ ...pictureFacts(picture), file: places[i] }));
  const digits = String(others.length).length;
  const otherPlaces = others.map((_, i) => `others/${String(i + 1).padStart(digits, '0')}.png`);
  const description = JSON.stringify(
    {
      format: FORMAT,
      version: VERSION,
      setup,
      splitting,
      pictures,
      others: others.map((picture, i) => ({ ...pictureFacts(picture), label: 0, file: otherPlaces[i] })),
      runs: runs.map((_, i) => `runs/${i + 1}`),
      ...(start === undefined ? {} : { start: { name: start.name, file: 'start.pt' } }),
    },
    undefined,
    1,
  );
  const drawn = ({ size, rgb }: Picture, name: string | undefined): Member => ({
    name: name!,
    data: encodeImage(new Image(size, size, 3, rgb), { level: 1 }),
  });
  const own = JSON.stringify(project.pictures.map(pictureFacts));
  return joined([
    ...zipChunks([
      { name: DESCRIPTION, data: new TextEncoder().encode(description) },
      ...project.pictures.map((picture, i) => drawn(picture, places[i])),
      ...others.map((picture, i) => drawn(picture, otherPlaces[i])),
      ...runs.flatMap((run, i) => packRun(run, `runs/${i + 1}`, own)),
      ...(start === undefined ? [] : [packWeights('start.pt', start.weights)]),
    ]),
  ]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @throws FormatError with a sentence for people, whatever the bytes are */
export async function unpackProject(bytes: Uint8Array): Promise<Project> {
  try {
    return await unpacked(bytes);
  } catch (error) {
    const why = messageOf(error);
    if (error instanceof FormatError && why.startsWith(REFUSED)) throw error;
    throw refused(error instanceof SetupError ? why : `it is damaged (${why})`);
  }
}

const REFUSED = 'This file cannot be opened as a project: ';
const refused = (why: string): FormatError => new FormatError(`${REFUSED}${why}.`);

async function unpacked(bytes: Uint8Array): Promise<Project> {
  if (bytes.length > LARGEST_FILE) throw refused('it is larger than 1 GB');
  if (!(bytes[0] === 0x50 && bytes[1] === 0x4b)) throw refused('it is not one that the laboratory has saved (they end with .flambeau.zip)');
  const zip = opened(bytes);
  const size = zip.entries.get(DESCRIPTION)?.size;
  if (size === undefined) throw refused(`there is no ${DESCRIPTION} in it, so it is another kind of archive`);
  if (size > LARGEST_DESCRIPTION) throw refused(`its ${DESCRIPTION} is too large`);
  const value = parsed(member(zip, DESCRIPTION));
  if (value['format'] !== FORMAT) throw refused(`its ${DESCRIPTION} is not one of the laboratory`);
  if (value['version'] !== 1 && value['version'] !== VERSION) throw refused('it was saved by a newer laboratory, so open it with that one');
  const setup = readSetup(value['setup']);
  const pictures = await picturesIn(zip, value['pictures'], setup.classes.length);
  const others = value['others'] === undefined ? [] : await picturesIn(zip, value['others'], 1);
  const reader: Reader = (name, most) => bounded(zip, name, most);
  const folders = value['runs'] ?? [];
  if (!Array.isArray(folders) || folders.length > MOST_RUNS) throw refused(`its runs are not a list of at most ${MOST_RUNS}`);
  const facts = pictures.map(pictureFacts);
  const runs = folders.map((folder: unknown) => unpackRun(reader, String(folder), facts));
  const known = new Set([...pictures, ...others].map(({ id }) => id));
  for (const { pictures: of, snapshot } of runs)
    if (of.some(({ id }) => !known.has(id))) throw refused(`a picture of “${snapshot.label}” is missing in it`);
  return { setup, splitting: readSplitting(value['splitting']), pictures, others, runs, start: startIn(value['start'], reader) };
}

/** Pictures in a list, with their pixels. */
async function picturesIn(zip: ZipReader, value: unknown, classes: number): Promise<readonly Picture[]> {
  const pictures: Picture[] = [];
  for (const [i, facts] of readPictureFacts(value, classes).entries()) {
    const file = (value as readonly { readonly file?: unknown }[])[i]?.file;
    pictures.push({ ...facts, ...(await pixelsOf(zip, file, facts.name)) });
  }
  return pictures;
}

function startIn(value: unknown, read: Reader): Project['start'] {
  if (value === undefined) return undefined;
  const { name, file } = value as { readonly name?: unknown; readonly file?: unknown };
  if (typeof name !== 'string' || typeof file !== 'string') throw refused('the file that it begins with has no name');
  return { name: name.slice(0, 200), weights: unpackWeights(read, file) };
}

function bounded(zip: ZipReader, name: string, most: number): Uint8Array {
  const size = zip.entries.get(name)?.size;
  if (size === undefined) throw refused(`“${name}” is missing in it`);
  if (size > most) throw refused(`“${name}” in it is too large`);
  return member(zip, name);
}

function opened(bytes: Uint8Array): ZipReader {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length); // a Buffer's slice() would not copy
  const source = { size: plain.length, read: (offset: number, length: number) => plain.subarray(offset, offset + length) };
  try {
    return new ZipReader(source, { maxEntries: MOST_ENTRIES, anyName: true, maxInflated: LARGEST_FILE });
  } catch (cause) {
    throw refused(`it is cut off or damaged (${messageOf(cause)})`);
  }
}

function member(zip: ZipReader, name: string): Uint8Array {
  try {
    return zip.read(name);
  } catch (cause) {
    throw refused(`“${name}” in it is damaged (${messageOf(cause)})`);
  }
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw refused(`its ${DESCRIPTION} cannot be read`);
}

async function pixelsOf(zip: ZipReader, file: unknown, name: string): Promise<Pick<Picture, 'size' | 'rgb'>> {
  const entry = typeof file === 'string' ? zip.entries.get(file) : undefined;
  if (typeof file !== 'string' || entry === undefined) throw refused(`the picture “${name}” is missing in it`);
  if (entry.size > LARGEST_PICTURE) throw refused(`the picture “${name}” in it is too large`);
  const bytes = member(zip, file);
  let image: Image;
  try {
    image = await decodeImage(bytes, { maxPixels: MOST_SIDE * MOST_SIDE, maxBytes: 2 ** 24 });
  } catch (cause) {
    throw refused(`the picture “${name}” in it is damaged (${messageOf(cause)})`);
  }
  if (image.width !== image.height || image.width > MOST_SIDE)
    throw refused(`the picture “${name}” in it is not a square of at most ${MOST_SIDE} pixels`);
  return { size: image.width, rgb: image.data };
}
