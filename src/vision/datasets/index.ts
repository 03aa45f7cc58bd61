/** Data sets of images, by torchvision's names. */
export { CIFAR10, type Cifar10Options } from './cifar10.ts';
export { DatasetFolder, type DatasetFolderOptions, type FileChoice, type FileLoader } from './dataset-folder.ts';
export type { FolderPlace, FolderSample } from './find-samples.ts';
export { GeneratedShapes, type GeneratedShapesOptions } from './generated-shapes.ts';
export { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
export { ImageFolder, type ImageFolderOptions } from './image-folder.ts';
export { LabelledImages, type LabelledImagesOptions } from './labelled-images.ts';
export { MNIST, type MnistOptions } from './mnist.ts';
export type { PassedOver } from './passed-over.ts';
