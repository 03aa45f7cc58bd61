/** Drawing on pictures, by torchvision's names (`torchvision.utils`). */
export { drawBoundingBoxes, type DrawBoundingBoxesOptions } from './bounding-boxes.ts';
export type { Colour, Colours, Rgb } from './colours.ts';
export { flowToImage } from './flow.ts';
export { drawKeypoints, type DrawKeypointsOptions } from './keypoints.ts';
export { drawSegmentationMasks, type DrawSegmentationMasksOptions } from './segmentation-masks.ts';
