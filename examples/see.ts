/**
 * Pictures of a network that has learned: what it saw, its first filters, the maps of its layers, and where it looks.
 * Run: node tools/example.mjs see.ts [FOLDER]
 */
import { cat, compile, data, F, manualSeed, nn, noGrad, optim, stack, type Tensor } from 'flambeau';
import { gradCam } from 'flambeau/inspect';
import { saveImage } from 'flambeau/node';
import { colorMap, datasets, transforms } from 'flambeau/vision';

manualSeed(0);
const augmented = new transforms.Compose([
  new transforms.RandomHorizontalFlip(),
  new transforms.RandomRotation(15),
  new transforms.ToTensor(),
]);
const train = new datasets.GeneratedShapes({ transform: augmented });
const test = new datasets.GeneratedShapes({ train: false, transform: new transforms.ToTensor() });

class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 16, 5, { padding: 2 });
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
  fc = new nn.Linear(32 * 8 * 8, 6);

  forward(x: Tensor): Tensor {
    x = F.maxPool2d(F.relu(this.conv1(x)), 2);
    x = F.maxPool2d(F.relu(this.conv2(x)), 2);
    return this.fc(x.flatten(1));
  }
}

const model = new Net();
const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 });
const step = compile((images: Tensor, labels: Tensor) => {
  optimizer.zeroGrad();
  const loss = F.crossEntropy(model(images), labels);
  loss.backward();
  optimizer.step();
  return loss;
});
const epochs = Number(process.env['EPOCHS'] ?? 4);
for (let epoch = 1; epoch <= epochs; epoch++) {
  let sum = 0;
  const loader = new data.DataLoader(train, { batchSize: 50, shuffle: true });
  for await (const [images, labels] of loader) sum += step(images, labels).item();
  console.log(`epoch ${epoch}: loss ${(sum / loader.length).toFixed(3)}`);
}

/** Larger, pixel by pixel. */
const enlarged = (pictures: Tensor, factor: number): Tensor => F.interpolate(pictures, { scaleFactor: factor, mode: 'nearest' });
const coloured = (maps: Tensor): Tensor => colorMap(maps.unsqueeze(1), 'magma').to('float32').div(255);
const stretched = (x: Tensor): Tensor => x.sub(x.amin()).div(x.amax().sub(x.amin()).add(1e-12));

const pictures = stack(Array.from({ length: 8 }, (_, i) => test.get(i)[0]));
const maps = noGrad(() => F.relu(model.conv1(pictures.at(':1'))));
const looks = Array.from({ length: 8 }, (_, i) => {
  const picture = pictures.at(`${i}:${i + 1}`);
  const { map } = gradCam(model, picture);
  const heat = F.interpolate(map.reshape(1, 1, ...(map.shape as [number, number])), {
    size: [32, 32],
    mode: 'bilinear',
  });
  return picture
    .mul(0.45)
    .add(coloured(heat.squeeze(0)).mul(0.55))
    .squeeze(0);
});

const shown: Record<string, Tensor> = {
  augmented: enlarged(stack(Array.from({ length: 8 }, (_, i) => train.get(i)[0])), 2),
  filters: enlarged(stretched(model.conv1.weight.detach()), 12),
  maps: enlarged(coloured(maps.squeeze(0)), 2),
  looks: enlarged(cat([pictures, stack(looks)]), 2),
};
const folder = process.argv[2];
for (const [name, grid] of Object.entries(shown)) {
  if (folder !== undefined) saveImage(grid, `${folder}/${name}.png`, { nrow: 8, padValue: 1 });
  console.log(`${name}: ${grid.size(0)} pictures`);
}
