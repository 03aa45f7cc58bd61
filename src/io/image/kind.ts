/** What kind of file something is, by its first bytes: names lie. */

/** A kind of file that turns up among images. */
export interface FileKind {
  /** With an article: `a JPEG image`. */
  readonly what: string;
  /** Endings that its files have, without the dot; undefined for what is no image. */
  readonly endings?: readonly string[];
}

/** Bytes that {@link kindOf} looks at. */
export const KIND_BYTES = 64;

/** Beginnings of files, one character for each byte, `?` for any. */
const KINDS: readonly (readonly [FileKind, readonly string[]])[] = [
  [{ what: 'a JPEG image', endings: ['jpg', 'jpeg', 'jpe', 'jfif', 'pjpeg', 'pjp'] }, ['\xff\xd8\xff']],
  [{ what: 'a PNG image', endings: ['png', 'apng'] }, ['\x89PNG\r\n\x1a\n']],
  [{ what: 'a GIF image', endings: ['gif'] }, ['GIF8']],
  [{ what: 'a WebP image', endings: ['webp'] }, ['RIFF????WEBP']],
  [{ what: 'a TIFF image', endings: ['tif', 'tiff'] }, ['II*\0', 'MM\0*', 'II+\0', 'MM\0+']],
  [{ what: 'a BMP image', endings: ['bmp', 'dib'] }, ['BM']],
  [{ what: 'an AVIF image', endings: ['avif', 'avifs'] }, ['????ftypavi']],
  [
    { what: 'an HEIC image', endings: ['heic', 'heif', 'hif'] },
    ['hei', 'hev', 'mif1', 'msf1'].map((brand) => `????ftyp${brand}`),
  ],
  [{ what: 'a JPEG 2000 image', endings: ['jp2', 'j2k', 'jpx', 'jpf'] }, ['\0\0\0\x0cjP  ', '\xff\x4f\xff\x51']],
  [{ what: 'a JPEG XL image', endings: ['jxl'] }, ['\xff\x0a', '\0\0\0\x0cJXL ']],
  [{ what: 'an icon', endings: ['ico', 'cur'] }, ['\0\0\x01\0', '\0\0\x02\0']],
  [{ what: 'a Photoshop image', endings: ['psd'] }, ['8BPS']],
  [{ what: 'a video' }, ['????ftyp']],
  [{ what: "a file of macOS's that holds no image" }, ['\0\x05\x16\x07']],
  [{ what: 'a PDF document' }, ['%PDF']],
  [{ what: 'a zip archive' }, ['PK\x03\x04']],
  [{ what: 'a Git LFS pointer; fetch the file itself with git lfs pull' }, ['version https://git-lfs']],
];
const TEXTS: readonly (readonly [FileKind, RegExp])[] = [
  [{ what: 'a PNM image', endings: ['pgm', 'ppm', 'pbm', 'pnm', 'pam'] }, /^P[1-7]\s/],
  [{ what: 'a web page' }, /^\s*<(!doctype html|html)/i],
  [{ what: 'an SVG or XML document' }, /^\s*<(svg|\?xml|!doctype)/i],
];

/** The kind of a file, from at least its first {@link KIND_BYTES} bytes; undefined for what is not known. */
export function kindOf(bytes: Uint8Array): FileKind | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, KIND_BYTES));
  const begins = (first: string): boolean => Array.from(first).every((c, i) => c === '?' || head[i] === c);
  return (KINDS.find(([, firsts]) => firsts.some(begins)) ?? TEXTS.find(([, first]) => first.test(head)))?.[0];
}
