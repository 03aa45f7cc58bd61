/**
 * Tutorial 4: How To Define A Convolutional Layer (Data Science Weekly), in TypeScript.
 *
 * The document fills a Sequential container with one named Conv2d and explains its arguments; the program shows what each
 * argument does to the size of a CIFAR-10 image.
 */
import { formatSize, manualSeed, nn, randn } from 'flambeau';

manualSeed(0);

const model = new nn.Sequential();

const firstConvLayer = new nn.Conv2d(3, 16, 3, { stride: 1, padding: 1 });

model.addModule('Conv1', firstConvLayer);
console.log(model);

const images = randn(4, 3, 32, 32); // CIFAR-10: RGB images, so three channels in
console.log('padding (kernel - 1) / 2 keeps the size:', formatSize(model(images).shape));

console.log('kernel size 5 needs padding 2:', formatSize(new nn.Conv2d(3, 16, 5, { padding: 2 })(images).shape));
console.log('a kernel of height 3 and width 5:', formatSize(new nn.Conv2d(3, 16, [3, 5])(images).shape));
console.log('stride 2 halves height and width:', formatSize(new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 })(images).shape));
console.log(
  'different strides, vertically 2 and horizontally 1:',
  formatSize(new nn.Conv2d(3, 16, 3, { stride: [2, 1], padding: 1 })(images).shape),
);
