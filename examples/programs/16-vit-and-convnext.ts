/** A vision transformer and a ConvNeXt from scratch: after lucidrains/vit-pytorch and facebookresearch/ConvNeXt. */
import { arange, cat, einsum, F, linspace, manualSeed, meshgrid, nn, noGrad, ones, optim, randint, randn, sqrt, zeros, type Tensor } from 'flambeau'; // prettier-ignore

function posembSincos2d(h: number, w: number, dim: number, temperature = 10000): Tensor {
  let [y, x] = meshgrid([arange(h), arange(w)], { indexing: 'ij' }) as [Tensor, Tensor];
  let omega: Tensor = arange(dim / 4).div(dim / 4 - 1);
  omega = omega.mul(Math.log(temperature)).exp().reciprocal();
  y = y.flatten().at(':', null).mul(omega.at(null, ':'));
  x = x.flatten().at(':', null).mul(omega.at(null, ':'));
  const pe = cat([x.sin(), x.cos(), y.sin(), y.cos()], 1);
  return pe.to('float32');
}

class FeedForward extends nn.Module {
  net: nn.Sequential;

  constructor(dim: number, hiddenDim: number, dropout = 0) {
    super();
    this.net = new nn.Sequential(
      new nn.LayerNorm(dim),
      new nn.Linear(dim, hiddenDim),
      new nn.GELU(),
      new nn.Dropout(dropout),
      new nn.Linear(hiddenDim, dim),
      new nn.Dropout(dropout),
    );
  }

  forward(x: Tensor): Tensor {
    return this.net(x);
  }
}

class Attention extends nn.Module {
  heads: number;
  scale: number;
  norm: nn.LayerNorm;
  attend = new nn.Softmax(-1);
  toQkv: nn.Linear;
  toOut: nn.Linear;

  constructor(dim: number, heads = 4, dimHead = 8) {
    super();
    this.heads = heads;
    this.scale = dimHead ** -0.5;
    this.norm = new nn.LayerNorm(dim);
    this.toQkv = new nn.Linear(dim, dimHead * heads * 3, { bias: false });
    this.toOut = new nn.Linear(dimHead * heads, dim, { bias: false });
  }

  forward(x: Tensor): Tensor {
    x = this.norm(x);
    const [b, n] = x.shape as [number, number];
    const qkv = this.toQkv(x).chunk(3, { dim: -1 });
    const [q, k, v] = qkv.map((t) => t.reshape(b, n, this.heads, -1).permute(0, 2, 1, 3)) as [Tensor, Tensor, Tensor];
    const dots = einsum('bhid,bhjd->bhij', q, k).mul(this.scale);
    const attn = this.attend(dots);
    let out = einsum('bhij,bhjd->bhid', attn, v);
    out = out.permute(0, 2, 1, 3).reshape(b, n, -1);
    return this.toOut(out);
  }
}

class ViT extends nn.Module {
  patchSize: number;
  toPatchEmbedding: nn.Sequential;
  declare pos_embedding: Tensor;
  clsToken: nn.Parameter;
  layers = new nn.ModuleList([]);
  mha: nn.MultiheadAttention;
  norm: nn.LayerNorm;
  linearHead: nn.Linear;

  constructor(imageSize = 16, patchSize = 4, numClasses = 10, dim = 32, depth = 2) {
    super();
    this.patchSize = patchSize;
    const patchDim = 3 * patchSize ** 2;
    this.toPatchEmbedding = new nn.Sequential(new nn.LayerNorm(patchDim), new nn.Linear(patchDim, dim), new nn.LayerNorm(dim));
    this.registerBuffer('pos_embedding', posembSincos2d(imageSize / patchSize, imageSize / patchSize, dim));
    this.clsToken = new nn.Parameter(randn(1, 1, dim));
    for (let i = 0; i < depth; i++) {
      this.layers.append(new nn.ModuleList([new Attention(dim), new FeedForward(dim, 64, 0.1)]));
    }
    this.mha = new nn.MultiheadAttention(dim, 4, { batchFirst: true });
    this.norm = new nn.LayerNorm(dim);
    this.linearHead = new nn.Linear(dim, numClasses);
  }

  forward(img: Tensor): Tensor {
    const p = this.patchSize;
    const [b, c, h, w] = img.shape as [number, number, number, number];
    let x: Tensor = img
      .view(b, c, h / p, p, w / p, p)
      .permute(0, 2, 4, 3, 5, 1)
      .reshape(b, -1, p * p * c);
    x = this.toPatchEmbedding(x);
    x = x.add(this.pos_embedding);
    x = cat([this.clsToken.expand(b, -1, -1), x], 1);
    for (const layer of this.layers) {
      const [attn, ff] = layer as nn.ModuleList as unknown as [Attention, FeedForward];
      x = attn(x).add(x);
      x = ff(x).add(x);
    }
    x = this.norm(x);
    const [pooled] = this.mha(x.at(':', ':1'), x, x);
    return this.linearHead(pooled.squeeze(1));
  }
}

class LayerNorm extends nn.Module {
  weight: nn.Parameter;
  bias: nn.Parameter;
  eps: number;
  dataFormat: string;
  normalizedShape: [number];

  constructor(normalizedShape: number, eps = 1e-6, dataFormat = 'channelsLast') {
    super();
    this.weight = new nn.Parameter(ones(normalizedShape));
    this.bias = new nn.Parameter(zeros(normalizedShape));
    this.eps = eps;
    this.dataFormat = dataFormat;
    this.normalizedShape = [normalizedShape];
  }

  forward(x: Tensor): Tensor {
    if (this.dataFormat === 'channelsLast') {
      return F.layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
    }
    const u = x.mean(1, { keepdim: true });
    const s = x.sub(u).pow(2).mean(1, { keepdim: true });
    x = x.sub(u).div(sqrt(s.add(this.eps)));
    return this.weight
      .at(':', null, null)
      .mul(x)
      .add(this.bias.at(':', null, null));
  }
}

function dropPath(x: Tensor, dropProb: number, training: boolean): Tensor {
  if (dropProb === 0 || !training) return x;
  const keepProb = 1 - dropProb;
  const randomTensor = x.newEmpty([x.size(0), ...Array<number>(x.ndim - 1).fill(1)]).bernoulli_(keepProb);
  randomTensor.div_(keepProb);
  return x.mul(randomTensor);
}

class Block extends nn.Module {
  dwconv: nn.Conv2d; // depthwise conv
  norm: LayerNorm;
  pwconv1: nn.Linear; // pointwise/1x1 convs, implemented with linear layers
  act = new nn.GELU();
  pwconv2: nn.Linear;
  gamma: nn.Parameter;
  dropPath: number;

  constructor(dim: number, dropPath = 0, layerScaleInitValue = 1e-6) {
    super();
    this.dwconv = new nn.Conv2d(dim, dim, { kernelSize: 7, padding: 3, groups: dim });
    this.norm = new LayerNorm(dim, 1e-6);
    this.pwconv1 = new nn.Linear(dim, 4 * dim);
    this.pwconv2 = new nn.Linear(4 * dim, dim);
    this.gamma = new nn.Parameter(ones(dim).mul(layerScaleInitValue), { requiresGrad: true });
    this.dropPath = dropPath;
  }

  forward(x: Tensor): Tensor {
    const input = x;
    x = this.dwconv(x);
    x = x.permute(0, 2, 3, 1); // (N, C, H, W) -> (N, H, W, C)
    x = this.norm(x);
    x = this.pwconv1(x);
    x = this.act(x);
    x = this.pwconv2(x);
    x = this.gamma.mul(x);
    x = x.permute(0, 3, 1, 2); // (N, H, W, C) -> (N, C, H, W)
    return input.add(dropPath(x, this.dropPath, this.training));
  }
}

class ConvNeXt extends nn.Module {
  downsampleLayers = new nn.ModuleList();
  stages = new nn.ModuleList();
  norm: nn.LayerNorm;
  head: nn.Linear;

  constructor(
    inChans = 3,
    numClasses = 10,
    depths = [1, 2],
    dims: [number, number] = [16, 32],
    dropPathRate = 0.2,
    layerScaleInitValue = 1e-1,
  ) {
    super();
    const stem = new nn.Sequential(
      new nn.Conv2d(inChans, dims[0], { kernelSize: 4, stride: 4 }),
      new LayerNorm(dims[0], 1e-6, 'channelsFirst'),
    );
    this.downsampleLayers.append(stem);
    this.downsampleLayers.append(
      new nn.Sequential(new LayerNorm(dims[0], 1e-6, 'channelsFirst'), new nn.Conv2d(dims[0], dims[1], { kernelSize: 2, stride: 2 })),
    );
    const dpRates = linspace(0, dropPathRate, depths[0]! + depths[1]!).tolist() as number[];
    let cur = 0;
    for (let i = 0; i < 2; i++) {
      const blocks = Array.from({ length: depths[i]! }, (_, j) => new Block(dims[i]!, dpRates[cur + j], layerScaleInitValue));
      this.stages.append(new nn.Sequential(...blocks));
      cur += depths[i]!;
    }
    this.norm = new nn.LayerNorm(dims.at(-1)!, { eps: 1e-6 });
    this.head = new nn.Linear(dims.at(-1)!, numClasses);
    this.apply((m) => this.initWeights(m));
  }

  initWeights(m: nn.ModuleBase): void {
    if (m instanceof nn.Conv2d || m instanceof nn.Linear) {
      nn.init.truncNormal_(m.weight, 0, 0.02);
      nn.init.constant_(m.bias!, 0);
    }
  }

  forward(x: Tensor): Tensor {
    for (let i = 0; i < 2; i++) {
      x = (this.downsampleLayers.at(i) as nn.Sequential)(x);
      x = (this.stages.at(i) as nn.Sequential)(x);
    }
    return this.head(this.norm(x.mean([-2, -1])));
  }
}

export const losses: number[] = [];
for (const [make, size] of [
  [() => new ViT(), 16],
  [() => new ConvNeXt(), 32],
] as const) {
  manualSeed(0);
  const model = make();
  const images = randn(8, 3, size, size);
  const labels = randint(0, 10, [8]);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.05 });
  const criterion = new nn.CrossEntropyLoss();
  for (let step = 0; step < 4; step++) {
    optimizer.zeroGrad();
    const loss = criterion(model(images), labels);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  model.eval();
  noGrad(() => losses.push(criterion(model(images), labels).item()));
}
console.log(losses);
