/**
 * `flambeau/files/web`: models by their address, kept for the next time, and saved where a page can save. What `load` and `save` of `flambeau/node` are for a disk. Runs in
 * browsers, on pages and in workers, and in Node.
 */
import '../../tensor/tensor.ts'; // registers the class

export type { ByteInput } from '../../base/bytes.ts';
export type { LoadProgress } from '../bytes/download.ts';
export { FetchError, type FetchFailure } from '../bytes/fetch-error.ts';
export type { Checkpoint, CheckpointKey, CheckpointValue } from '../checkpoint-value.ts';
export type { CheckpointInput, CheckpointInputKey, LoadOptions } from '../checkpoint.ts';
export type { FetchFileOptions } from './fetch-file.ts';
export { load, loadFile, type LoadFileOptions, type LoadUrlOptions } from './load.ts';
export { save, saveFile, type SaveFileOptions, type SaveToOptions } from './save.ts';
export { StorageError, type StorageFailure } from './storage-error.ts';
export { FileStore, openStore, type OpenStoreOptions, type StoredFile, type StoreKind } from './store.ts';
