/**
 * The decoders of the formats that are met less often than JPEG and PNG, in one piece that is fetched when the first such file is: so a page that
 * shows photos does not load them.
 */
export { decodeBmp } from './bmp.ts';
export { decodeGif } from './gif.ts';
export { decodeHeif, hasHeif } from './heif.ts';
export { decodeNetpbm } from './netpbm.ts';
export { orientationOf, turned } from './orientation.ts';
export { decodeTiff } from './tiff.ts';
export { decodeWebp, loadWebpDecoder } from './webp.ts';
