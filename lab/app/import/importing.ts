/** Brings files into the project: decoded a few at a time in a worker, shown as they come, with the names of those that could not be read. */
import { signal } from '@preact/signals';
import { withNamed } from '../../core/collection.ts';
import { sortFiles, type FoundFile, type SortedFile } from '../../core/folders.ts';
import type { DecodedPicture, UnreadPicture } from '../../worker/picture-functions.ts';
import { callHelper } from '../state/helper.ts';
import { counted } from '../../core/words.ts';
import { edit } from '../state/history.ts';
import { splitting } from '../state/project.ts';
import { newId } from '../state/ids.ts';
import { messageOf } from '../../core/failure.ts';

export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface ImportState {
  readonly total: number;
  readonly read: number;
  readonly added: number;
  readonly leftOut: readonly LeftOut[];
  readonly done: boolean;
}

/** The last import; undefined when none was begun or its message was closed. */
export const importState = signal<ImportState | undefined>(undefined);
let wanted: symbol | undefined;

/** In one message to the worker: each takes a moment of the page's time. */
const TOGETHER = 16;
/** Pictures are shown at least this often. */
const SHOW_EVERY = 250;

export function stopImport(): void {
  wanted = undefined;
}

/** @param into - the class that all go into; without it, folders decide */
export async function importFiles(found: readonly FoundFile<File>[], into?: string): Promise<void> {
  const files = sortFiles(found, into);
  const own = (wanted = Symbol('import'));
  const progress = new Progress(files.length, own);
  if (files.length === 0) {
    progress.end('there were no files in what was given');
    return;
  }
  let next = 0;
  while (next < files.length && wanted === own) {
    const some = files.slice(next, (next += TOGETHER));
    await progress.take(some, () =>
      callHelper(
        'decodePictures',
        some.map(({ file }) => file),
      ),
    );
  }
  progress.end(next < files.length ? `stopped: ${files.length - next} files were not read` : undefined);
}

class Progress {
  readonly #total: number;
  readonly #own: symbol;
  #read = 0;
  #added = 0;
  #leftOut: LeftOut[] = [];
  #waiting: [SortedFile<File>, DecodedPicture][] = [];
  #shown = performance.now();

  constructor(total: number, own: symbol) {
    this.#total = total;
    this.#own = own;
    this.#say(false);
  }

  async take(files: readonly SortedFile<File>[], decode: () => Promise<readonly (DecodedPicture | UnreadPicture)[]>): Promise<void> {
    const leaveOut = ({ name }: SortedFile<File>, reason: string): void => void this.#leftOut.push({ name, reason });
    try {
      const decoded = await decode();
      files.forEach((file, i) => {
        const picture = decoded[i]!;
        if ('problem' in picture) leaveOut(file, picture.problem);
        else this.#waiting.push([file, picture]);
      });
    } catch (error) {
      for (const file of files) leaveOut(file, messageOf(error));
    }
    this.#read += files.length;
    if (performance.now() - this.#shown > SHOW_EVERY) this.#show();
  }

  end(problem: string | undefined): void {
    this.#show();
    if (problem !== undefined) this.#leftOut.push({ name: '', reason: problem });
    this.#say(true);
  }

  #show(): void {
    const more = this.#waiting.splice(0);
    this.#shown = performance.now();
    if (more.length > 0) {
      try {
        const pictures = more.map(
          ([{ className, name }, { size, rgb }]) => [className, { id: newId(), name, origin: 'file', size, rgb }] as const,
        );
        edit(
          `Added ${counted(this.#added + more.length)}`,
          (collection) => withNamed(collection, pictures, splitting.value.share),
          this.#own,
        );
        this.#added += more.length;
      } catch (error) {
        // No room for more pictures or classes.
        const reason = messageOf(error);
        this.#leftOut.push(...more.map(([{ name }]) => ({ name, reason })));
      }
    }
    this.#say(false);
  }

  #say(done: boolean): void {
    importState.value = {
      total: this.#total,
      read: this.#read,
      added: this.#added,
      leftOut: [...this.#leftOut],
      done,
    };
  }
}
