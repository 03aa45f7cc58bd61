/** DCGAN, a generator and a discriminator against each other: after pytorch/tutorials, beginner/dcgan_faces. */
import { data, full, manualSeed, nn, noGrad, optim, randn, tanh, type Tensor } from 'flambeau';

const nc = 3; // Number of channels in the training images
const nz = 16; // Size of z latent vector
const ngf = 8; // Size of feature maps in generator
const ndf = 8; // Size of feature maps in discriminator
const lr = 0.0002;
const beta1 = 0.5;

// custom weights initialization called on netG and netD
function weightsInit(m: nn.ModuleBase): void {
  if (m instanceof nn.Conv2d || m instanceof nn.ConvTranspose2d) {
    nn.init.normal_(m.weight.data, 0.0, 0.02);
  } else if (m instanceof nn.BatchNorm2d) {
    nn.init.normal_(m.weight!.data, 1.0, 0.02);
    nn.init.constant_(m.bias!.data, 0);
  }
}

class Generator extends nn.Module {
  main = new nn.Sequential(
    // input is Z, going into a convolution
    new nn.ConvTranspose2d(nz, ngf * 4, 4, 1, 0, { bias: false }),
    new nn.BatchNorm2d(ngf * 4),
    new nn.ReLU(true),
    // state size. (ngf*4) x 4 x 4
    new nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, { bias: false }),
    new nn.BatchNorm2d(ngf * 2),
    new nn.ReLU(true),
    // state size. (ngf*2) x 8 x 8
    new nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, { bias: false }),
    new nn.BatchNorm2d(ngf),
    new nn.ReLU(true),
    // state size. (ngf) x 16 x 16
    new nn.ConvTranspose2d(ngf, nc, 4, 2, 1, { bias: false }),
    new nn.Tanh(),
    // state size. (nc) x 32 x 32
  );

  forward(input: Tensor): Tensor {
    return this.main(input);
  }
}

class Discriminator extends nn.Module {
  main = new nn.Sequential(
    // input is (nc) x 32 x 32
    new nn.Conv2d(nc, ndf, 4, 2, 1, { bias: false }),
    new nn.LeakyReLU(0.2, { inplace: true }),
    // state size. (ndf) x 16 x 16
    new nn.Conv2d(ndf, ndf * 2, 4, 2, 1, { bias: false }),
    new nn.BatchNorm2d(ndf * 2),
    new nn.LeakyReLU(0.2, { inplace: true }),
    // state size. (ndf*2) x 8 x 8
    new nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, { bias: false }),
    new nn.BatchNorm2d(ndf * 4),
    new nn.LeakyReLU(0.2, { inplace: true }),
    // state size. (ndf*4) x 4 x 4
    new nn.Conv2d(ndf * 4, 1, 4, 1, 0, { bias: false }),
    new nn.Sigmoid(),
  );

  forward(input: Tensor): Tensor {
    return this.main(input);
  }
}

manualSeed(999);
export const losses: number[] = [];
const dataset = new data.TensorDataset(tanh(randn(24, nc, 32, 32)));
const dataloader = new data.DataLoader(dataset, { batchSize: 8, shuffle: true });

const netG = new Generator();
netG.apply(weightsInit);
const netD = new Discriminator();
netD.apply(weightsInit);
const criterion = new nn.BCELoss();
const fixedNoise = randn(4, nz, 1, 1);
const realLabel = 1;
const fakeLabel = 0;
const optimizerD = new optim.Adam(netD.parameters(), { lr, betas: [beta1, 0.999] });
const optimizerG = new optim.Adam(netG.parameters(), { lr, betas: [beta1, 0.999] });

for (let epoch = 0; epoch < 1; epoch++) {
  for await (const [real] of dataloader) {
    // (1) Update D network: maximize log(D(x)) + log(1 - D(G(z))); train with all-real batch
    netD.zeroGrad();
    const bSize = real.size(0);
    const label: Tensor = full([bSize], realLabel, { dtype: 'float32' });
    let output = netD(real).view(-1);
    const errDReal = criterion(output, label);
    errDReal.backward();
    const Dx = output.mean().item();

    // Train with all-fake batch
    const noise = randn(bSize, nz, 1, 1);
    const fake = netG(noise);
    label.fill_(fakeLabel);
    output = netD(fake.detach()).view(-1);
    const errDFake = criterion(output, label);
    errDFake.backward();
    const DGz1 = output.mean().item();
    const errD = errDReal.add(errDFake);
    optimizerD.step();

    // (2) Update G network: maximize log(D(G(z)))
    netG.zeroGrad();
    label.fill_(realLabel); // fake labels are real for generator cost
    output = netD(fake).view(-1);
    const errG = criterion(output, label);
    errG.backward();
    const DGz2 = output.mean().item();
    optimizerG.step();
    losses.push(errD.item(), errG.item(), Dx, DGz1, DGz2);
  }
}

const fake = noGrad(() => netG(fixedNoise).detach().cpu());
losses.push(fake.std().item());
console.log(fake.shape, losses);
