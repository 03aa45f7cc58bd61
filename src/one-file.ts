/**
 * Everything for pages without a bundler, from one file (`dist/flambeau.min.js`) and the chunks that it loads: what `flambeau` exports, and its other parts by their names.
 */
export * from './index.ts';
export * as distributions from './distributions/index.ts';
export * as files from './files.ts';
export * as filesWeb from './files-web.ts';
export * as inspect from './inspect/index.ts';
export * as onnx from './onnx/index.ts';
export * as train from './train/index.ts';
export * as vision from './vision/index.ts';
