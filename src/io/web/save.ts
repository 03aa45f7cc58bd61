/** Files out of a page: to the visitor's disk, or into a store. */
import { either, oneOf, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { DeviceError } from '../../base/errors.ts';
import { kindOfName } from '../any-file.ts';
import { serialize, type CheckpointInput, type SerializeOptions } from '../checkpoint.ts';
import { STORE, storeOf, type FileStore, type StoreKind } from './store.ts';

/** Where {@link save} puts a file. */
export interface SaveFileOptions {
  /** `'download'`, the default: the browser gives it to the visitor. Else a store, from which {@link load} takes it with `from`. */
  readonly to?: 'download' | StoreKind | FileStore;
}

/** Options of {@link save}. */
export interface SaveToOptions extends SaveFileOptions, Omit<SerializeOptions, 'name'> {}

const TO: OptionKinds<SaveFileOptions> = { to: either(oneOf('download'), STORE) };

/**
 * Saves a state dict, or tensors in Maps, plain objects and arrays, as a file that `torch.load` opens; a name that ends in `.safetensors`, `.npz` or `.npy` makes a file of that
 * format. Without `to` the browser downloads it to the visitor's disk.
 * @throws ArgumentError for a value that has no counterpart in Python
 * @throws StorageError when the store has no room or refuses; an earlier file of this name stays then
 * @throws DeviceError for a download where there is no page: in workers, post the bytes to it; in Node use `save` of `flambeau/node`
 * @example
 * import { nn } from 'flambeau';
 * import { load, openStore, save } from 'flambeau/files/web';
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 *
 * const model = new nn.Linear(4, 2);
 * const store = await openStore({ folder: mkdtempSync(`${tmpdir()}/flambeau-`) }); // in a browser 'opfs', 'indexed-db' or 'cache'
 * await save(model.stateDict(), 'model.pt', { to: store });
 * model.loadStateDict(await load('model.pt', { from: store }));
 */
export async function save(value: CheckpointInput, name: string, options: SaveToOptions = {}): Promise<void> {
  const { to, ...rest } = options;
  const place = requireOptions<SaveFileOptions>('save', { to }, TO, "{ to: 'opfs' }");
  await put('save', serialize(value, { format: kindOfName(name), ...rest }), name, place);
}

/**
 * Saves bytes, such as those of `serializeOnnx`, as {@link save} does it.
 * @throws StorageError when the store has no room or refuses
 * @throws DeviceError for a download where there is no page
 */
export async function saveFile(bytes: ByteInput, name: string, options: SaveFileOptions = {}): Promise<void> {
  const place = requireOptions<SaveFileOptions>('saveFile', options, TO, "{ to: 'opfs' }");
  await put('saveFile', bytesOf('saveFile', bytes), name, place);
}

async function put(op: string, bytes: Uint8Array, name: string, { to = 'download' }: SaveFileOptions): Promise<void> {
  if (to === 'download') download(op, bytes, name);
  else await (await storeOf(op, to)).put(op, name, bytes, null);
}

interface Anchor {
  href: string;
  download: string;
  click(): void;
}

interface Host {
  readonly document?: { createElement(name: 'a'): Anchor };
}

/** Milliseconds until a download has certainly taken the bytes. */
const TAKEN = 60_000;

function download(op: string, bytes: Uint8Array, name: string): void {
  const { document } = globalThis as unknown as Host;
  if (document === undefined)
    throw new DeviceError(
      `${op}: there is no page to download from; in a worker post the bytes to the page or save { to: 'opfs' }, in Node use save of 'flambeau/node'`,
    );
  requireKind(op, 'the name', name, { expected: 'the name of a file', accepts: (value) => typeof value === 'string' && value !== '' });
  const url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: 'application/octet-stream' }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), TAKEN);
}
