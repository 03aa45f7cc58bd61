/**
 * What the laboratory works on, as plain data: a network of blocks, how it is trained, pictures with their classes. All of it can be stored, posted to a
 * worker and put into a link (but for the pictures).
 */

/** A block of a network. What goes in (channels, features) is found from the block before it, so it is not said. */
export type LayerSpec =
  | {
      readonly kind: 'conv2d';
      readonly outChannels: number;
      readonly kernelSize: number;
      readonly stride: number;
      readonly padding: number;
      readonly groups: number;
      readonly bias: boolean;
    }
  | { readonly kind: 'batchNorm2d' }
  | { readonly kind: 'relu' }
  | { readonly kind: 'leakyRelu'; readonly negativeSlope: number }
  | { readonly kind: 'gelu' }
  | { readonly kind: 'silu' }
  | { readonly kind: 'sigmoid' }
  | { readonly kind: 'tanh' }
  | { readonly kind: 'maxPool2d'; readonly kernelSize: number; readonly stride: number; readonly padding: number }
  | { readonly kind: 'avgPool2d'; readonly kernelSize: number; readonly stride: number; readonly padding: number }
  | { readonly kind: 'adaptiveAvgPool2d'; readonly outputSize: number }
  | { readonly kind: 'dropout'; readonly p: number }
  | { readonly kind: 'flatten' }
  /** `outFeatures` 0 stands for the number of classes. */
  | { readonly kind: 'linear'; readonly outFeatures: number; readonly bias: boolean }
  /** The convolutions of MobileNetV2, which are not trained; 3 channels in, 1280 out at a 32nd of the size. */
  | { readonly kind: 'mobileNetV2' }
  /** The input is added to what the blocks make of it, through a 1×1 convolution where the shapes differ. */
  | { readonly kind: 'residual'; readonly layers: readonly LayerSpec[] };

export type LayerKind = LayerSpec['kind'];
export type LayerOf<K extends LayerKind> = Extract<LayerSpec, { readonly kind: K }>;

export interface NetworkSpec {
  readonly name: string;
  /** Channels of a picture: 1 grey, 3 colours. */
  readonly channels: 1 | 3;
  /** Height and width of a picture. */
  readonly size: number;
  readonly layers: readonly LayerSpec[];
}

export type OptimizerName = 'sgd' | 'adam' | 'adamw';

export interface TrainingSpec {
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly seed: number;
}

/** Which pictures are trained on, and which are kept to measure. */
export type Part = 'train' | 'valid';
export type Origin = 'sample' | 'drawn' | 'camera' | 'file';

export interface Picture {
  readonly id: string;
  readonly name: string;
  /** Place among the project's classes. */
  readonly label: number;
  readonly part: Part;
  readonly origin: Origin;
  /** Height and width in pixels; pictures are kept square. */
  readonly size: number;
  /** Red, green and blue of each pixel, row by row: size × size × 3 bytes. */
  readonly rgb: Uint8Array;
}

/** Everything but the pictures: what a link holds. */
export interface Setup {
  readonly version: 1;
  readonly classes: readonly string[];
  readonly network: NetworkSpec;
  readonly training: TrainingSpec;
}

export const DEFAULT_TRAINING: TrainingSpec = { optimizer: 'sgd', lr: 0.02, momentum: 0.9, weightDecay: 0, batchSize: 16, epochs: 20, seed: 0 }; // prettier-ignore
