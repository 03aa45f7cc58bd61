/** Tensors, and a gentle introduction to autograd: after pytorch/tutorials, beginner/blitz. */
import { cat, equal, manualSeed, nn, noGrad, ones, onesLike, rand, randLike, randn, tensor, zeros, type Tensor } from 'flambeau';

manualSeed(0);
export const losses: number[] = [];

const xData = tensor(
  [
    [1, 2],
    [3, 4],
  ],
  { dtype: 'int64' },
);
const xOnes = onesLike(xData);
const xRand = randLike(xData, { dtype: 'float32' });
console.log('Random Tensor:', xRand);
losses.push(xRand.sum().item());

const shape = [2, 3] as const;
const randTensor = rand(shape);
const zerosTensor = zeros(shape);
losses.push(randTensor.add(zerosTensor).mean().item());
console.log(`Shape of tensor: ${randTensor.shape.join()}, datatype: ${randTensor.dtype}, device: ${randTensor.device}`);

const t = ones(4, 4);
t.setAt([':', 1], 0);
const t1 = cat([t, t, t], 1);
let y: Tensor = t.mul(t).add(t.matmul(t.T)).add(t.mm(t.T));
t.add_(5);
losses.push(t1.sum().item(), y.sum().item(), t.sum().item(), xOnes.add(xData).sum().item());

const a = tensor([2, 3], { requiresGrad: true });
const b = tensor([6, 4], { requiresGrad: true });
const Q = a.pow(3).mul(3).sub(b.pow(2));
const externalGrad = tensor([1, 1]);
Q.backward(externalGrad);
console.log(equal(a.pow(2).mul(9), a.grad!), equal(b.mul(-2), b.grad!));
losses.push(a.grad!.norm().item(), b.grad!.norm().item());

const x = randn(3, { requiresGrad: true });
y = x.mul(2);
while (y.data.norm().item() < 1000) {
  y = y.mul(2);
}
const v = tensor([0.1, 1, 0.0001]);
y.backward(v);
losses.push(y.data.norm().item(), ...(x.grad!.tolist() as number[]));

noGrad(() => losses.push(Number(x.pow(2).requiresGrad)));
const z = x.detach();
losses.push(z.eq(x).all().item());

const model = new nn.Linear(3, 2);
for (const param of model.parameters()) {
  param.requiresGrad = false;
}
model.bias!.requiresGrad = true;
const loss = model(z).sub(1).pow(2).sum();
loss.backward();
losses.push(loss.item(), model.bias!.grad!.sum().item());
console.log(losses);
