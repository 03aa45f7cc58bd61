/** What the published sets of image files with one class each have in common: their options, and class folders. */
import type { DownloadOptions } from './download.ts';
import { byCodePoint } from './folder-tree.ts';
import type { ImageDatasetOptions } from './image-dataset.ts';
import { IMAGE_NAME } from './passed-over.ts';
import type { SetFiles } from './set-files.ts';

/** Options of a set of image files. */
export interface SetOptions<O, T = number> extends ImageDatasetOptions<O, T>, DownloadOptions {
  /** Most pixels of an image, default 178,956,970. */
  readonly maxPixels?: number;
}

/** Names of images with the class of each. */
export interface ClassFolders {
  readonly names: readonly string[];
  readonly targets: readonly number[];
  readonly classes: readonly string[];
}

/**
 * The images in class folders, sorted as torchvision's ImageFolder sorts them.
 *
 * @param prefix - the folder of the class folders, with its closing slash
 */
export function classFolders(set: SetFiles, prefix: string, isClass: (name: string) => boolean = () => true): ClassFolders {
  const found = set.names
    .filter((name) => name.startsWith(prefix) && IMAGE_NAME.test(name))
    .map((name) => [name.slice(prefix.length).split('/')[0]!, name] as const)
    .filter(([folder, name]) => name.length > prefix.length + folder.length && isClass(folder))
    .sort(([a, one], [b, two]) => byCodePoint(a, b) || byCodePoint(one, two));
  const classes = [...new Set(found.map(([folder]) => folder))];
  const index = new Map(classes.map((name, i) => [name, i]));
  return { names: found.map(([, name]) => name), targets: found.map(([folder]) => index.get(folder)!), classes };
}

/** Where the folder of a name begins: what stands before `path/`; '' and undefined are not the same. */
export function folderPrefix(set: SetFiles, path: string): string {
  const [found] = set.names
    .flatMap((name) => {
      const at = `/${name}`.indexOf(`/${path}/`);
      return at === -1 ? [] : [name.slice(0, at)];
    })
    .sort((a, b) => a.split('/').length - b.split('/').length || byCodePoint(a, b));
  if (found === undefined) throw set.missing(`${path}/…`);
  return found;
}
