/**
 * Unpacks archives to disk, for data sets that are too large to be unpacked into memory. Everything goes into a folder of its own first and is
 * moved to its place when all of it is there, so that an interrupted run leaves no half of it. Node only.
 */
import { FormatError } from '../../base/errors.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { nodeModule } from '../bytes/platform.ts';
import { HEAD_BYTES, packingOf, unpackerInNode } from './compression.ts';
import { openArchive } from './archive.ts';
import { reason } from './file-set.ts';
import { parseTar } from './tar.ts';

const CHUNK = 1 << 20;
const NODE = 'unpack the archive yourself';

/**
 * Unpacks an archive into a folder, which may hold other things already.
 *
 * @param path - a tar archive, plain or compressed, or a zip archive
 * @throws FormatError when it is damaged or holds links or names that lead out of it; nothing is left behind then
 */
export async function extractArchive(path: string, folder: string): Promise<void> {
  const fs = nodeModule('fs', 'extractArchive', NODE);
  const { join, dirname } = nodeModule('path', 'extractArchive', NODE);
  fs.mkdirSync(folder, { recursive: true });
  const scratch = fs.mkdtempSync(join(folder, '.flambeau-unpack-'));
  const write = (name: string, pieces: Iterable<Uint8Array>): void => {
    const target = join(scratch, name);
    fs.mkdirSync(dirname(target), { recursive: true });
    const descriptor = fs.openSync(target, 'w');
    try {
      for (const piece of pieces) fs.writeSync(descriptor, piece);
    } finally {
      fs.closeSync(descriptor);
    }
  };
  try {
    const head = new Uint8Array(HEAD_BYTES);
    const descriptor = fs.openSync(path, 'r');
    fs.readSync(descriptor, head, 0, HEAD_BYTES, 0);
    fs.closeSync(descriptor);
    const packing = packingOf(head, path);
    if (packing === 'none' || packing === 'zip') {
      const files = await openArchive(path);
      files.names.forEach((name, i) => write(name, [files.read(i)]));
    } else {
      await unpackStream(path, fs.createReadStream(path, { highWaterMark: CHUNK }).pipe(unpackerInNode(packing, path, CHUNK)), write);
    }
    merge(fs, join, scratch, folder);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** Writes the files of a tar archive as its bytes come. */
async function unpackStream(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  write: (name: string, pieces: Iterable<Uint8Array>) => void,
): Promise<void> {
  const parser = parseTar(path);
  let step = parser.next(new Uint8Array(0));
  let pieces: Uint8Array[] = [];
  let missing = step.done === true ? 0 : step.value.bytes;
  const advance = (): void => {
    // What asks for no bytes is done with at once.
    while (step.done !== true && missing === 0) {
      const request = step.value;
      if (request.kind === 'file') write(request.name, pieces);
      step = parser.next(request.kind === 'read' ? concatBytes(pieces) : new Uint8Array(0));
      pieces = [];
      missing = step.done === true ? 0 : step.value.bytes;
    }
  };
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length && step.done !== true;) {
        const piece = chunk.subarray(at, at + missing);
        at += piece.length;
        missing -= piece.length;
        if (step.value.kind !== 'skip') pieces.push(piece);
        advance();
      }
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`extractArchive: ${JSON.stringify(path)} cannot be unpacked: ${reason(cause)}; fetch it again`, { cause });
  }
  if (step.done !== true) throw new FormatError(`extractArchive: ${JSON.stringify(path)} stops before its end mark; fetch it again`);
}

/** Moves everything in one folder into another, and into the folders that are there already. */
function merge(fs: typeof import('node:fs'), join: (...parts: string[]) => string, from: string, to: string): void {
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) merge(fs, join, source, target);
    else fs.renameSync(source, target);
  }
}
