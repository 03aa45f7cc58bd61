/** A module worker that takes pictures apart: what can be posted to it, it gives back as numbers. */
import '../../src/tensor/tensor.ts'; // registers the class
import { fromPixels, fromPixelsAsync, type PictureSource } from '../../src/vision/from-pixels.ts';

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<Record<string, PictureSource>>) => void) | null;
  postMessage(message: unknown): void;
};

scope.onmessage = ({ data }) => {
  const taken = Object.entries(data).map(async ([name, source]) => {
    const isFile = source instanceof Blob || source instanceof URL;
    const tensor = isFile ? await fromPixelsAsync(source) : fromPixels(source);
    return [name, { shape: [...tensor.layout.shape], values: tensor.flatten().tolist() }];
  });
  Promise.all(taken).then(
    (answers) => scope.postMessage(answers),
    (error: unknown) => scope.postMessage(String(error)),
  );
};
