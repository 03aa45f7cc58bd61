/**
 * Boxes, masks, points, movements and heat as pictures, side by side in one PNG.
 * Run: node tools/example.mjs draw.ts [FILE.png]
 */
import { arange, cat, meshgrid, stack, tensor, type Tensor } from 'flambeau';
import { saveImage } from 'flambeau/node';
import { colorMap, drawBoundingBoxes, drawKeypoints, drawSegmentationMasks, flowToImage } from 'flambeau/vision';

const size = 96;
const [y, x] = meshgrid([arange(size), arange(size)], { indexing: 'ij' }) as [Tensor, Tensor];
const disc = (cx: number, cy: number, r: number): Tensor =>
  x
    .sub(cx)
    .square()
    .add(y.sub(cy).square())
    .lt(r * r);

// A picture: a dark ground that gets lighter downwards, and two discs on it.
const discs = [disc(32, 36, 20), disc(64, 62, 16)];
const ground = y.mul(0.5).add(60);
const grey = discs.reduce((picture, mask, i) => picture.maskedFill(mask, 140 + 60 * i), ground);
const picture = grey.to('uint8').expand(3, size, size);

const boxes = tensor([
  [12, 16, 52, 56],
  [48, 46, 80, 78],
]);
const found = drawBoundingBoxes(picture, boxes, { labels: ['one', 'two'], colors: ['gold', 'cyan'], width: 2, fillLabels: true });
const masked = drawSegmentationMasks(picture, stack(discs), { alpha: 0.6, colors: ['gold', 'cyan'] });
const corners = boxes.reshape(1, 4, 2);
const points = drawKeypoints(picture, corners, { colors: 'red', radius: 3, width: 1, connectivity: [[0, 1], [2, 3]] }); // prettier-ignore
const flow = flowToImage(stack([x.sub(size / 2), y.sub(size / 2)]).to('float32'));
const heat = discs.reduce((sum, mask) => sum.add(mask.to('float32')), x.div(size));
const maps = (['viridis', 'jet'] as const).map((name) => colorMap(heat, name));

const file = process.argv[2];
const pictures = [found, masked, points, flow, ...maps].map((one) => one.to('float32').div(255));
if (file === undefined) console.log(`${pictures.length} pictures of ${cat(pictures).numel()} numbers; a path as argument saves them`);
else {
  saveImage(pictures, file, { nrow: 3 });
  console.log(`${file}: boxes, masks, points · flow, viridis, jet`);
}
