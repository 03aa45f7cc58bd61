/** What kind of file something is, by its first bytes: names lie. */

/** A kind of file that turns up among images. */
export interface FileKind {
  /** With an article: `a JPEG image`. */
  readonly what: string;
  /** Endings that its files have, without the dot; undefined for what is no image. */
  readonly endings?: readonly string[];
  /** Its decoder, where there is one. */
  readonly format?: ImageFormat;
}

/** Formats that are decoded. */
export type ImageFormat = 'jpeg' | 'png' | 'gif' | 'webp' | 'tiff' | 'bmp' | 'pnm' | 'avif' | 'heic';

/** Bytes that {@link kindOf} looks at. */
export const KIND_BYTES = 64;

/** Beginnings of files, one character for each byte, `?` for any. */
const KINDS: readonly (readonly [FileKind, readonly string[]])[] = [
  [{ what: 'a JPEG image', format: 'jpeg', endings: ['jpg', 'jpeg', 'jpe', 'jfif', 'pjpeg', 'pjp'] }, ['\xff\xd8\xff']],
  [{ what: 'a PNG image', format: 'png', endings: ['png', 'apng'] }, ['\x89PNG\r\n\x1a\n']],
  [{ what: 'a GIF image', format: 'gif', endings: ['gif'] }, ['GIF8']],
  [{ what: 'a WebP image', format: 'webp', endings: ['webp'] }, ['RIFF????WEBP']],
  [{ what: 'a TIFF image', format: 'tiff', endings: ['tif', 'tiff'] }, ['II*\0', 'MM\0*', 'II+\0', 'MM\0+']],
  [{ what: 'a BMP image', format: 'bmp', endings: ['bmp', 'dib'] }, ['BM']],
  [{ what: 'an AVIF image', format: 'avif', endings: ['avif', 'avifs'] }, ['????ftypavi']],
  [
    { what: 'an HEIC image', format: 'heic', endings: ['heic', 'heif', 'hif'] },
    ['hei', 'hev', 'mif1', 'msf1'].map((brand) => `????ftyp${brand}`),
  ],
  [{ what: 'a JPEG 2000 image', endings: ['jp2', 'j2k', 'jpx', 'jpf'] }, ['\0\0\0\x0cjP  ', '\xff\x4f\xff\x51']],
  [{ what: 'a JPEG XL image', endings: ['jxl'] }, ['\xff\x0a', '\0\0\0\x0cJXL ']],
  [{ what: 'an icon', endings: ['ico', 'cur'] }, ['\0\0\x01\0', '\0\0\x02\0']],
  [{ what: 'a Photoshop image', endings: ['psd'] }, ['8BPS']],
  [{ what: 'an OpenEXR image', endings: ['exr'] }, ['\x76\x2f\x31\x01']],
  [{ what: 'a Radiance HDR image', endings: ['hdr'] }, ['#?RADIANCE', '#?RGBE']],
  [{ what: 'a QOI image', endings: ['qoi'] }, ['qoif']],
  [{ what: 'a DirectDraw surface', endings: ['dds'] }, ['DDS ']],
  [{ what: 'a Fujifilm raw image', endings: ['raf'] }, ['FUJIFILMCCD-RAW']],
  [{ what: 'a Canon raw image', endings: ['cr3'] }, ['????ftypcrx ']],
  [{ what: 'a GIMP image', endings: ['xcf'] }, ['gimp xcf']],
  [{ what: 'a video' }, ['????ftyp']],
  [{ what: "a file of macOS's that holds no image" }, ['\0\x05\x16\x07']],
  [{ what: 'a PDF document' }, ['%PDF']],
  [{ what: 'a zip archive' }, ['PK\x03\x04']],
  [{ what: 'a Git LFS pointer; fetch the file itself with git lfs pull' }, ['version https://git-lfs']],
];
const TEXTS: readonly (readonly [FileKind, RegExp])[] = [
  [{ what: 'a PNM image', format: 'pnm', endings: ['pgm', 'ppm', 'pbm', 'pnm'] }, /^P[1-6][\s#]/],
  [{ what: 'a PAM image', endings: ['pam'] }, /^P7\s/],
  [{ what: 'a PFM image', endings: ['pfm'] }, /^P[fF]\s/],
  [{ what: 'a web page' }, /^\s*<(!doctype html|html)/i],
  [{ what: 'an SVG or XML document' }, /^\s*<(svg|\?xml|!doctype)/i],
];

const TGA: FileKind = { what: 'a TGA image', endings: ['tga'] };

/** TGA files begin with no mark, and not all unlike a cursor: a palette or none, one of six kinds, and 8 to 32 bits a pixel. */
function isTga(bytes: Uint8Array): boolean {
  const [, palette, kind] = bytes;
  const [width, height] = [bytes[12]! + bytes[13]! * 256, bytes[14]! + bytes[15]! * 256];
  const fits = palette === 1 ? [1, 9].includes(kind!) : palette === 0 && [2, 3, 10, 11].includes(kind!);
  return bytes.length >= 18 && fits && width > 0 && height > 0 && [8, 15, 16, 24, 32].includes(bytes[16]!) && bytes[17]! < 64;
}

/** The kind of a file, from at least its first {@link KIND_BYTES} bytes; undefined for what is not known. */
export function kindOf(bytes: Uint8Array): FileKind | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, KIND_BYTES));
  const begins = (first: string): boolean => Array.from(first).every((c, i) => c === '?' || head[i] === c);
  if (isTga(bytes)) return TGA;
  return (KINDS.find(([, firsts]) => firsts.some(begins)) ?? TEXTS.find(([, first]) => first.test(head)))?.[0];
}
