/** Tensors that know what they are, by torchvision's names (https://pytorch.org/vision/stable/tv_tensors.html). */
export { BoundingBoxes, ImageTensor as Image, Mask, wrap } from './tv-tensors.ts';
