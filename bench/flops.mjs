const MFLOP = 1e6;

/**
 * Floating-point operations of one image's forward pass, two for each multiply-add; a training step takes three times that. W1 to W3 on 32×32, the
 * classifiers on 224×224.
 */
export const FORWARD = {
  w1: 2 * (27 * 16 * 256 + 144 * 32 * 64 + 20480),
  w2: 6.66 * MFLOP,
  w3: 1113 * MFLOP,
  resnet18: 2 * 1814 * MFLOP,
  resnet50: 2 * 4089 * MFLOP,
  mobilenet_v2: 2 * 301 * MFLOP,
};
