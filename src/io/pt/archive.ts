/**
 * What `torch.save` writes since 1.6: a zip archive of `<name>/data.pkl` (the structure), `<name>/data/0`, `1`, … (one record per storage), `<name>/version` and
 * `<name>/byteorder`, read as plain values. Apart from `pt.ts`, so that a program which reads nothing else ships nothing else.
 */
import { FormatError } from '../../base/errors.ts';
import type { StoredZipReader, ZipOptions } from '../archive/stored-zip.ts';
import { quote, type PickleLimits } from '../pickle/items.ts';
import { readPickleAt, type PickleOptions } from '../pickle/read.ts';
import { PtHost } from './host.ts';
import type { PtValue } from './value.ts';

/** Options of {@link readPt}: the limits of the archive and of the pickle inside it. */
export interface ReadPtOptions extends ZipOptions {
  /** Give Python floats with whole values as `PyFloat` instead of number, so that writing them again makes floats; default false. */
  readonly keepFloats?: boolean;
  readonly limits?: Partial<PickleLimits>;
  /** Told when a whole module was pickled, in whose place its state dict stands. Default: a warning on the console. */
  readonly onModule?: (className: string, place: string) => void;
}

/** Newest version of the container that is known; PyTorch has written 3 since 1.6. */
const MAX_VERSION = 10;

/** What reading the pickle needs to know. */
export const pickleOptions = ({ limits, keepFloats, onModule }: ReadPtOptions): Omit<PickleOptions, 'where'> => ({
  limits: limits ?? {},
  keepFloats: keepFloats ?? false,
  onModule: onModule ?? warnOfModule,
});

function warnOfModule(className: string, place: string): void {
  const what = place === '' ? 'the file holds' : `${place} is`;
  console.warn(`load: ${what} a whole module, ${className}; its code is not run, its state dict is loaded`);
}

/** The value of an archive; `size` are the bytes of all of it. */
export function readPtArchive(zip: StoredZipReader, size: number, pickle: Omit<PickleOptions, 'where'>): PtValue {
  const folder = findFolder(zip);
  checkVersion(zip, `${folder}/version`);
  const record = (key: string): string => `${folder}/data/${key}`;
  const host = new PtHost({
    bigEndian: isBigEndian(zip, `${folder}/byteorder`),
    read: (key) => (zip.entries.has(record(key)) ? zip.open(record(key)) : undefined),
  });
  const where = `${folder}/data.pkl`;
  const bytes = zip.read(where);
  // A pickle that was packed may be much longer than the file, and is not allowed more for it.
  const budget = Math.min(bytes.length, 8 * size);
  return readPickleAt(bytes, 0, host, { where, budget, ...pickle }).value;
}

/** The one folder that all of a checkpoint's records lie in. */
function findFolder(zip: StoredZipReader): string {
  const [first] = zip.entries.keys();
  const folder = first?.split('/')[0] ?? '';
  const has = (name: string): boolean => zip.entries.has(`${folder}/${name}`);
  if (has('constants.pkl')) {
    throw new FormatError(
      "readPt: this is a TorchScript archive (torch.jit.save), which holds code; save its weights in Python: torch.save(torch.jit.load(f).state_dict(), 'model.pt')",
    );
  }
  if (has('archive_format') || has('models/model.json')) {
    throw new FormatError(
      "readPt: this is an archive of torch.export (.pt2), which holds a program; save the model's state_dict() with torch.save, or an ONNX model with torch.onnx.export",
    );
  }
  if (has('data.pkl')) return folder;
  throw new FormatError(
    `readPt: the archive has no record ${quote(`${folder}/data.pkl`)}, so it is a zip archive but no PyTorch file; its ${zip.entries.size} members begin with ${quote(first ?? '')}`,
  );
}

function checkVersion(zip: StoredZipReader, record: string): void {
  if (!zip.entries.has(record))
    throw new FormatError(`readPt: there is no record ${quote(record)}; the file is incomplete, fetch it again`);
  const text = new TextDecoder().decode(zip.read(record)).trim();
  const version = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (version >= 1 && version <= MAX_VERSION) return;
  throw new FormatError(
    `readPt: record ${quote(record)} is ${quote(text)}; expected a version from 1 to ${MAX_VERSION}. Save the file again with a PyTorch of today`,
  );
}

function isBigEndian(zip: StoredZipReader, record: string): boolean {
  if (!zip.entries.has(record)) return false;
  const order = new TextDecoder().decode(zip.read(record));
  if (order === 'little' || order === 'big') return order === 'big';
  throw new FormatError(
    `readPt: record ${quote(record)} is ${quote(order)}; expected 'little' or 'big'. The file is damaged, fetch it again`,
  );
}
