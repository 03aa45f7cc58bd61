/** A variational auto-encoder: after pytorch/examples, vae. */
import { cat, data, exp, F, manualSeed, nn, noGrad, optim, rand, randn, randnLike, sigmoid, sum, type Tensor } from 'flambeau';

class VAE extends nn.Module {
  fc1 = new nn.Linear(784, 400);
  fc21 = new nn.Linear(400, 20);
  fc22 = new nn.Linear(400, 20);
  fc3 = new nn.Linear(20, 400);
  fc4 = new nn.Linear(400, 784);

  encode(x: Tensor): [Tensor, Tensor] {
    const h1 = F.relu(this.fc1(x));
    return [this.fc21(h1), this.fc22(h1)];
  }

  reparameterize(mu: Tensor, logvar: Tensor): Tensor {
    const std = exp(logvar.mul(0.5));
    const eps = randnLike(std);
    return eps.mul(std).add(mu);
  }

  decode(z: Tensor): Tensor {
    const h3 = F.relu(this.fc3(z));
    return sigmoid(this.fc4(h3));
  }

  forward(x: Tensor): [Tensor, Tensor, Tensor] {
    const [mu, logvar] = this.encode(x.view(-1, 784));
    const z = this.reparameterize(mu, logvar);
    return [this.decode(z), mu, logvar];
  }
}

// Reconstruction + KL divergence losses summed over all elements and batch
function lossFunction(reconX: Tensor, x: Tensor, mu: Tensor, logvar: Tensor): Tensor {
  const BCE = F.binaryCrossEntropy(reconX, x.view(-1, 784), { reduction: 'sum' });

  // 0.5 * sum(1 + log(sigma^2) - mu^2 - sigma^2)
  const KLD = sum(logvar.add(1).sub(mu.pow(2)).sub(logvar.exp())).mul(-0.5);
  return BCE.add(KLD);
}

manualSeed(1);
export const losses: number[] = [];
const dataset = new data.TensorDataset(rand(64, 1, 28, 28).round());
const trainLoader = new data.DataLoader(dataset, { batchSize: 16, shuffle: true });
const model = new VAE();
const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
for (let epoch = 1; epoch < 3; epoch++) {
  model.train();
  let trainLoss = 0;
  let last: Tensor | undefined;
  for await (const [data] of trainLoader) {
    optimizer.zeroGrad();
    const [reconBatch, mu, logvar] = model(data);
    const loss = lossFunction(reconBatch, data, mu, logvar);
    loss.backward();
    trainLoss += loss.item();
    optimizer.step();
    losses.push(loss.item() / data.size(0));
    last = data;
  }
  losses.push(trainLoss / trainLoader.dataset.length);
  model.eval();
  noGrad(() => {
    const data = last!;
    const [reconBatch, mu, logvar] = model(data);
    losses.push(lossFunction(reconBatch, data, mu, logvar).item());
    const n = Math.min(data.size(0), 8);
    const comparison = cat([data.at(`:${n}`), reconBatch.view(16, 1, 28, 28).at(`:${n}`)]);
    let sample: Tensor = randn(64, 20);
    sample = model.decode(sample).cpu();
    losses.push(comparison.mean().item(), sample.mean().item());
    console.log(comparison.shape, sample.view(64, 1, 28, 28).shape);
  });
}
console.log(losses);
