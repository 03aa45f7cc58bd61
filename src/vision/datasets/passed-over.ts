/** What lies in folders of images without being one: files of systems and programs, hidden ones, notes. They are passed over, and counted. */

/** Endings of images' names: what torchvision takes, and the others that cameras, phones and web pages write. What a file is, its bytes say. */
export const IMAGE_NAME = /\.(jpe?g|jpe|jfif|pjpe?g|pjp|png|apng|gif|bmp|dib|p[bgpn]m|tiff?|webp|avif|hei[cf]|hif|jp2|j2k|jxl|tga|ico)$/i;

/** Folders and files that systems and programs leave, beside all whose names begin with a dot. */
const LEFT_BEHIND =
  /^(__MACOSX|__pycache__|thumbnails|Thumbs\.db(:encryptable)?|ehthumbs(_vista)?\.db|desktop\.ini|Icon\r|@eaDir|\$RECYCLE\.BIN|System Volume Information|lost\+found)$/i;

/** Whether a file or folder of this name is nobody's: `.DS_Store`, `._photo.jpg`, `.thumbnails`, `__MACOSX`, `Thumbs.db` and the like. */
export const isLeftBehind = (part: string): boolean => part.startsWith('.') || LEFT_BEHIND.test(part);

/** How much was passed over. */
export interface PassedOver {
  /** Hidden files and folders, and those that systems leave; a folder counts as one. */
  readonly hidden: number;
  /** Files that are no images by their names. */
  readonly other: number;
  /** The first of both. */
  readonly examples: readonly string[];
}

/** Names of these are kept. */
const EXAMPLES = 5;

/** Decides what to pass over, and counts it. */
export class PassingOver {
  readonly #hidden = new Set<string>();
  readonly #examples: string[] = [];
  #other = 0;

  /** Whether a folder is looked into. */
  readonly enter = (directory: string): boolean => !this.#isHidden(directory);

  /** Whether a file may be kept, as far as its folders and its name go. */
  readonly keep = (name: string): boolean => !this.#isHidden(name);

  /** Notes a file that is no image. */
  other(name: string): void {
    this.#other++;
    this.#note(name);
  }

  result(): PassedOver {
    return { hidden: this.#hidden.size, other: this.#other, examples: this.#examples };
  }

  #isHidden(name: string): boolean {
    const parts = name.split('/');
    const at = parts.findIndex((part) => part !== '' && isLeftBehind(part));
    if (at === -1) return false;
    const top = parts.slice(0, at + 1).join('/');
    if (!this.#hidden.has(top)) this.#note(top);
    this.#hidden.add(top);
    return true;
  }

  #note(name: string): void {
    if (this.#examples.length < EXAMPLES) this.#examples.push(name);
  }
}
