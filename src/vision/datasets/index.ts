/** Data sets of images, by torchvision's names. */
export { CIFAR10, type Cifar10Options } from './cifar10.ts';
export { GeneratedShapes, type GeneratedShapesOptions } from './generated-shapes.ts';
export { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
export { ImageFolder, type FolderSample, type ImageFolderOptions } from './image-folder.ts';
export { MNIST, type MnistOptions } from './mnist.ts';
