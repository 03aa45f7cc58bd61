/**
 * Opens tar archives, plain or compressed, and zip archives as sets of files, without unpacking them to disk. A compressed tar archive is
 * unpacked once, into memory that tensors do not use; a plain tar file or a zip archive on disk is only indexed, and its files are read
 * where they lie.
 *
 * The formats themselves are in tar.ts and zip-files.ts. Which it is, the first bytes say (compression.ts), not the name.
 */
import type { HostBlob } from '../../base/host-types.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import {
  DEFAULT_LIMITS,
  DiskFiles,
  MemoryFiles,
  readExactly,
  reason,
  sharedBytes,
  versionOf,
  type FileSet,
  type ReadLimits,
} from './file-set.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { nodeModule } from '../bytes/platform.ts';
import { HEAD_BYTES, packingOf, type Packing, unpackerAnywhere, unpackerInNode } from './compression.ts';
import { systemPath } from './file-names.ts';
import { readZipContents } from './zip-files.ts';
import { parseTar, type TarRequest } from './tar.ts';

/** What to open and how much of it. */
export interface ArchiveOptions extends ReadLimits {
  /** Which files to keep; the others are passed over. Default: all. */
  readonly keep?: (name: string) => boolean;
  /** What messages call the archive; default its path, or 'archive'. */
  readonly name?: string;
}

const CHUNK = 1 << 20;
const SLAB = 16 << 20;
const NOTHING = new Uint8Array(0);
/** Programs fill archives up with zeros to a multiple of some kilobytes; more than this after the end is not that. */
const MAX_PADDING = 1 << 20;

/**
 * Opens an archive.
 *
 * @param source - a path (Node), a `File` or `Blob`, or the archive's bytes
 * @throws {@link ArgumentError} when there is no such file
 * @throws {@link FormatError} when it is not a tar or zip archive, is damaged or goes beyond the limits, or when it has links, devices or
 * names that lead out of it
 * @throws {@link DeviceError} when it is compressed in a way that the platform does not know
 */
export async function openArchive(source: string | HostBlob | ByteInput, options: ArchiveOptions = {}): Promise<FileSet> {
  if (typeof source === 'string') return openPath(source, { name: source, ...options });
  const name = options.name ?? (source instanceof Blob && 'name' in source ? String(source.name) : 'archive');
  const blob = source instanceof Blob ? source : new Blob([unshared(bytesOf('openArchive', source))]);
  const head = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
  const packing = packingOf(head, name);
  if (packing === 'zip') return zipInMemory(await wholeOf(blob, name, options), { ...options, name });
  const stream = blob.stream();
  const plain = packing === 'none' ? stream : stream.pipeThrough(unpackerAnywhere(packing, name));
  return unpack(chunksOf(plain), { ...options, name });
}

/** A zip archive's directory is at its end, so all of it has to be there. */
async function wholeOf(blob: HostBlob, name: string, { maxTotalBytes }: ReadLimits): Promise<Uint8Array> {
  const most = maxTotalBytes ?? DEFAULT_LIMITS.maxTotalBytes;
  if (blob.size > most)
    throw new FormatError(`zip ${JSON.stringify(name)}: it has ${blob.size} bytes; the limit is maxTotalBytes, ${most}`);
  const bytes = sharedBytes(blob.size);
  bytes.set(new Uint8Array(await blob.arrayBuffer()));
  return bytes;
}

function zipInMemory(bytes: Uint8Array, options: ArchiveOptions & { name: string }): FileSet {
  const contents = readZipContents(bytesSource(bytes), options.name, options.keep ?? (() => true), options);
  return new MemoryFiles({ kind: 'memory', name: options.name, slabs: [bytes], ...contents });
}

function zipOnDisk(fs: typeof import('node:fs'), fd: number, path: string, options: ArchiveOptions): FileSet {
  const stat = fs.fstatSync(fd);
  const window = new Window(fs, fd, path, stat.size);
  const source = { size: stat.size, read: (offset: number, length: number) => window.read(offset, length) };
  const contents = readZipContents(source, path, options.keep ?? (() => true), options);
  return new DiskFiles({ kind: 'disk', name: path, root: path, version: versionOf(stat), ...contents });
}

/** A Blob does not take shared memory. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

async function openPath(path: string, options: ArchiveOptions & { name: string }): Promise<FileSet> {
  const fs = nodeModule('fs', 'openArchive(path)', 'pass a File, a Blob or bytes instead');
  let fd: number;
  let packing: Packing;
  try {
    fd = fs.openSync(systemPath(path), 'r');
  } catch (cause) {
    throw new ArgumentError(`openArchive: cannot open ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
  }
  try {
    if (!fs.fstatSync(fd).isFile()) throw new ArgumentError(`openArchive: ${JSON.stringify(path)} is not a file`);
    const head = new Uint8Array(HEAD_BYTES);
    fs.readSync(fd, head, 0, HEAD_BYTES, 0);
    packing = packingOf(head, path);
    if (packing === 'zip') return zipOnDisk(fs, fd, path, options);
    if (packing === 'none') return indexTar(fs, fd, path, options);
  } finally {
    fs.closeSync(fd);
  }
  const unpacker = unpackerInNode(packing, path, CHUNK);
  const file = fs.createReadStream(systemPath(path), { highWaterMark: CHUNK });
  file.on('error', (error) => unpacker.destroy(error));
  try {
    return await unpack(file.pipe(unpacker), options);
  } finally {
    file.destroy();
    unpacker.destroy();
  }
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // a stream that failed cannot be cancelled, and its error is on its way
  }
}

/** Reads the whole archive and keeps its files in memory. */
async function unpack(chunks: AsyncIterable<Uint8Array>, options: ArchiveOptions & { name: string }): Promise<FileSet> {
  const unpacker = new TarUnpacker(options);
  try {
    for await (const chunk of chunks) unpacker.push(chunk);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`openArchive: ${JSON.stringify(options.name)} cannot be unpacked: ${reason(cause)}; fetch it again`, { cause });
  }
  return unpacker.finish();
}

/** Collects where files lie. */
class Index {
  readonly names: string[] = [];
  readonly directories: string[] = [];
  readonly slab: number[] = [];
  readonly offset: number[] = [];
  readonly size: number[] = [];

  add(name: string, slab: number, offset: number, size: number): void {
    this.names.push(name);
    this.slab.push(slab);
    this.offset.push(offset);
    this.size.push(size);
  }

  addDirectory(name: string): void {
    if (name !== '') this.directories.push(name);
  }

  places(): { slab: Uint32Array; offset: Float64Array; size: Float64Array } {
    return {
      slab: Uint32Array.from(this.slab),
      offset: Float64Array.from(this.offset),
      size: Float64Array.from(this.size),
    };
  }
}

/** Checks entries against the limits. */
class Guard {
  readonly #name: string;
  readonly #limits: Required<ReadLimits>;
  #entries = 0;

  constructor(name: string, limits: ReadLimits) {
    this.#name = name;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  total(bytes: number): void {
    const { maxTotalBytes } = this.#limits;
    if (bytes > maxTotalBytes)
      this.#fail(`unpacks to more than ${maxTotalBytes} bytes; unpack it to a folder, or raise maxTotalBytes if it is trusted`);
  }

  entry(): void {
    const { maxEntries } = this.#limits;
    if (++this.#entries > maxEntries) this.#fail(`has more than ${maxEntries} entries; raise maxEntries if it is trusted`);
  }

  file(name: string, bytes: number): void {
    const { maxFileBytes } = this.#limits;
    if (bytes > maxFileBytes) this.#fail(`member ${JSON.stringify(name)} has ${bytes} bytes; the limit is maxFileBytes, ${maxFileBytes}`);
  }

  #fail(why: string): never {
    throw new FormatError(`tar ${JSON.stringify(this.#name)}: ${why}`);
  }
}

/** Answers the parser's requests from chunks of a stream as they come, and copies the files that are kept into slabs. */
class TarUnpacker {
  readonly #name: string;
  readonly #parser: Generator<TarRequest, void, Uint8Array>;
  readonly #keep: (name: string) => boolean;
  readonly #guard: Guard;
  readonly #index = new Index();
  readonly #slabs: Uint8Array[] = [];
  /** Free bytes begin here in the last slab. */
  #free = SLAB;
  #request: TarRequest | undefined;
  /** Where the bytes asked for go when they do not lie in one chunk, or are kept. */
  #target: Uint8Array | undefined;
  #filled = 0;
  #total = 0;
  #padding = 0;

  constructor(options: ArchiveOptions & { name: string }) {
    this.#name = options.name;
    this.#keep = options.keep ?? (() => true);
    this.#guard = new Guard(options.name, options);
    this.#parser = parseTar(options.name);
    this.#advance(NOTHING);
  }

  push(chunk: Uint8Array): void {
    this.#total += chunk.length;
    this.#guard.total(this.#total);
    let at = 0;
    while (this.#request !== undefined && (at < chunk.length || this.#request.bytes === 0)) {
      const wanted = this.#request.bytes - this.#filled;
      const count = Math.min(wanted, chunk.length - at);
      const piece = chunk.subarray(at, at + count);
      at += count;
      if (this.#request.kind === 'read' && count === this.#request.bytes) {
        this.#advance(piece);
        continue;
      }
      if (this.#request.kind === 'read') this.#target ??= new Uint8Array(this.#request.bytes);
      this.#target?.set(piece, this.#filled);
      this.#filled += count;
      if (count === wanted) this.#advance(this.#target ?? NOTHING);
    }
    if (this.#request === undefined) this.#checkPadding(chunk.subarray(at));
  }

  finish(): FileSet {
    if (this.#request !== undefined) {
      throw new FormatError(`tar ${JSON.stringify(this.#name)}: it stops after ${this.#total} bytes, before its end mark; fetch it again`);
    }
    const { names, directories } = this.#index;
    return new MemoryFiles({
      kind: 'memory',
      name: this.#name,
      names,
      directories,
      slabs: this.#slabs,
      places: this.#index.places(),
    });
  }

  #advance(answer: Uint8Array): void {
    const { done, value } = this.#parser.next(answer);
    this.#filled = 0;
    this.#target = undefined;
    this.#request = done === true ? undefined : value;
    if (this.#request?.kind === 'read') {
      this.#guard.entry();
    } else if (this.#request?.kind === 'file' && this.#keep(this.#request.name)) {
      this.#target = this.#place(this.#request.name, this.#request.bytes);
    } else if (this.#request?.kind === 'directory') {
      this.#index.addDirectory(this.#request.name);
    }
  }

  #place(name: string, size: number): Uint8Array {
    this.#guard.file(name, size);
    if (this.#free + size > (this.#slabs.at(-1)?.length ?? 0)) {
      this.#slabs.push(sharedBytes(Math.max(SLAB, size)));
      this.#free = 0;
    }
    const slab = this.#slabs.length - 1;
    const from = this.#free;
    this.#free += size;
    this.#index.add(name, slab, from, size);
    return this.#slabs[slab]!.subarray(from, from + size);
  }

  #checkPadding(rest: Uint8Array): void {
    this.#padding += rest.length;
    if (this.#padding > MAX_PADDING || rest.some((byte) => byte !== 0)) {
      throw new FormatError(`tar ${JSON.stringify(this.#name)}: more follows after its end mark; if it is two archives joined, pack one`);
    }
  }
}

/** Reads only the headers of a tar file on disk and notes where its files lie. */
function indexTar(fs: typeof import('node:fs'), fd: number, path: string, options: ArchiveOptions & { name: string }): FileSet {
  const stat = fs.fstatSync(fd);
  const keep = options.keep ?? (() => true);
  const guard = new Guard(path, options);
  const index = new Index();
  const parser = parseTar(path);
  const window = new Window(fs, fd, path, stat.size);
  let at = 0;
  for (let step = parser.next(NOTHING); step.done !== true;) {
    const { kind, bytes } = step.value;
    if (at + bytes > stat.size) {
      throw new FormatError(`tar ${JSON.stringify(path)}: it stops after ${stat.size} bytes, before its end mark; fetch it again`);
    }
    if (kind === 'file' && keep(step.value.name)) {
      guard.file(step.value.name, bytes);
      index.add(step.value.name, 0, at, bytes);
    }
    if (kind === 'directory') index.addDirectory(step.value.name);
    if (kind === 'read') guard.entry();
    const answer = kind === 'read' ? window.read(at, bytes) : NOTHING;
    at += bytes;
    step = parser.next(answer);
  }
  const { names, directories } = index;
  return new DiskFiles({
    kind: 'disk',
    name: path,
    names,
    directories,
    root: path,
    places: index.places(),
    version: versionOf(stat),
  });
}

/** Reads small pieces of a file through a window, since one call of the system for each would take longer. */
class Window {
  readonly #read: (offset: number, size: number) => Uint8Array;
  readonly #fileSize: number;
  #bytes: Uint8Array = NOTHING;
  #from = 0;

  constructor(fs: typeof import('node:fs'), fd: number, path: string, fileSize: number) {
    this.#read = (offset, size) => readExactly(fs, fd, path, size, offset);
    this.#fileSize = fileSize;
  }

  read(offset: number, size: number): Uint8Array {
    if (offset < this.#from || offset + size > this.#from + this.#bytes.length) {
      this.#bytes = this.#read(offset, Math.min(Math.max(size, 1 << 16), this.#fileSize - offset));
      this.#from = offset;
    }
    return this.#bytes.subarray(offset - this.#from, offset - this.#from + size);
  }
}
