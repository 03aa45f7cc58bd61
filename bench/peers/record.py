"""The recipe of examples/cifar10-record in PyTorch.

    python3 bench/peers/record.py [--threads 2] [--widths 64,128,256] [--batch 512]

times training steps on random images, and says what an epoch of 50,000 would take.

    python3 bench/peers/record.py --train cifar10-images.tar.gz [--epochs 8] [--seed 0]

trains with it: the same network, augmentation, schedule, averaging and test-time views. Seconds include reading and the final
accuracy, but not the accuracies after each epoch.
"""
import argparse
import io
import tarfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

MOMENTUM = 0.85
AMPLIFIED = 1024 * (1 + 1 / (1 - MOMENTUM))
RATE, DECAY, BIAS_FACTOR = 11.5 / AMPLIFIED, 0.0153 / AMPLIFIED, 64
FREEZE_AFTER, LOOKAHEAD, SHIFT = 3, 5, 2
VIEWS = [(flip, d, 0.5 if d == 0 else 0.25) for flip in (False, True) for d in (0, 1, -1)]


def norm(channels):
    layer = nn.BatchNorm2d(channels, momentum=0.4, eps=1e-12)
    layer.weight.requires_grad = False
    return layer


def identity_conv(a, b):
    conv = nn.Conv2d(a, b, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[: min(a, b)])
    return conv


def gelu(x):
    return x * torch.sigmoid(1.702 * x)


class Group(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.norm1 = identity_conv(a, b), norm(b)
        self.conv2, self.norm2 = identity_conv(b, b), norm(b)

    def forward(self, x):
        x = gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return gelu(self.norm2(self.conv2(x)))


class RecordNet(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        nn.init.zeros_(self.whiten.bias)
        self.groups = nn.Sequential(*(Group(a, b) for a, b in zip([24, *widths], widths)))
        self.head = nn.Linear(widths[-1], 10, bias=False)

    def whiten_for(self, images):
        patches = images.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).double()
        values, vectors = torch.linalg.eigh(patches.t() @ patches / len(patches))
        filters = (vectors / torch.sqrt(values + 5e-4)).t().reshape(12, 3, 2, 2).float()
        self.whiten.weight.data.copy_(torch.cat([filters, -filters]))

    def forward(self, x):
        return self.head(F.max_pool2d(self.groups(gelu(self.whiten(x))), 3).flatten(1)) / 9


def optimizer_for(model, batch):
    groups = []
    for shifts, rate in ((False, RATE), (True, RATE * BIAS_FACTOR)):
        named = [p for name, p in model.named_parameters() if p.requires_grad and ('norm' in name) == shifts]
        groups.append({'params': named, 'lr': rate, 'weight_decay': DECAY * batch / rate})
    return torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)


def step(model, optimizer, x, y):
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(x), y, label_smoothing=0.2, reduction='sum')
    loss.backward()
    optimizer.step()
    return loss


def time_steps(args):
    model = RecordNet(args.widths)
    optimizer = optimizer_for(model, args.batch)
    x, y = torch.randn(args.batch, 3, 32, 32), torch.randint(0, 10, (args.batch,))
    times = []
    for _ in range(6):
        start = time.perf_counter()
        step(model, optimizer, x, y)
        times.append(time.perf_counter() - start)
    median = sorted(times[1:])[2]
    epoch = median / args.batch * 50_000
    print(f'{median:.2f} s a step of {args.batch}, {epoch:.0f} s an epoch ({args.threads} threads, torch {torch.__version__})')


def read(path):
    """Images [N, 3, 36, 36], normalised, their edges reflected, and labels, of both parts."""
    from PIL import Image
    from torchvision.transforms.functional import pil_to_tensor

    parts = {'train': ([], []), 'test': ([], [])}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.endswith('.jpg'):
                part, name, _ = member.name.split('/')[-3:]
                parts[part][0].append(pil_to_tensor(Image.open(io.BytesIO(archive.extractfile(member).read()))))
                parts[part][1].append(name)
    names = sorted(set(parts['train'][1]))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]))
    result = []
    for images, labels in parts.values():
        x = (torch.stack(images).float() / 255 - mean) / std
        result.append((F.pad(x, [SHIFT] * 4, mode='reflect'), torch.tensor([names.index(name) for name in labels])))
    return result


def epoch_batches(images, labels, mirrored, epoch, batch):
    order = torch.randperm(len(images))
    for at in range(0, len(images) - batch + 1, batch):
        chosen = order[at : at + batch]
        shifts = torch.randint(0, 2 * SHIFT + 1, (batch, 2))
        rows, columns = (shifts[:, i, None] + torch.arange(32) for i in (0, 1))
        flip = ((mirrored[chosen] + epoch) % 2 == 1)[:, None]
        columns = torch.where(flip, columns.flip(1), columns)
        at_batch = torch.arange(batch)[:, None, None, None]
        x = images[chosen][at_batch, torch.arange(3)[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]]
        yield x, labels[chosen]


def accuracy(model, images, labels, views):
    model.eval()
    right = 0
    with torch.no_grad():
        for at in range(0, len(images), 500):
            logits = 0
            for mirror, d, weight in views:
                x = images[at : at + 500, :, SHIFT - d : SHIFT - d + 32, SHIFT - d : SHIFT - d + 32]
                logits = logits + weight * model(x.flip(3) if mirror else x)
            right += (logits.argmax(1) == labels[at : at + 500]).sum().item()
    model.train()
    return 100 * right / len(images)


def train(args):
    start, aside = time.perf_counter(), 0.0
    torch.manual_seed(args.seed)
    (images, labels), test = read(args.train)
    print(f'{len(images) + len(test[0])} images read after {time.perf_counter() - start:.0f} s', flush=True)
    model = RecordNet(args.widths)
    model.whiten_for(images[:5000, :, SHIFT:-SHIFT, SHIFT:-SHIFT])
    optimizer = optimizer_for(model, args.batch)
    total = args.epochs * (len(images) // args.batch)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group['lr'] for group in optimizer.param_groups], total_steps=total, pct_start=0.23,
        anneal_strategy='linear', cycle_momentum=False, div_factor=1 / 0.2, final_div_factor=0.2 / 0.07)  # fmt: skip
    pairs = [(value.detach().clone(), value) for value in model.state_dict().values() if value.is_floating_point()]
    mirrored = torch.randint(0, 2, (len(images),))
    done = 0

    def look(keep):
        for slow, fast in pairs:
            fast.copy_(slow.mul_(keep).add_(fast * (1 - keep)))

    for epoch in range(args.epochs):
        if epoch == FREEZE_AFTER:
            model.whiten.bias.requires_grad = False
        for x, y in epoch_batches(images, labels, mirrored, epoch, args.batch):
            loss = step(model, optimizer, x, y).item() / args.batch
            scheduler.step()
            done += 1
            if done % LOOKAHEAD == 0:
                look(0.95**LOOKAHEAD * (done / total) ** 3)
        if done == total:
            look(1)
        now = time.perf_counter()
        result = accuracy(model, *test, [(False, 0, 1)])
        print(f'epoch {epoch + 1:2}  {now - start - aside:4.0f} s  loss {loss:.4f}  test accuracy {result:.2f} %', flush=True)
        aside += time.perf_counter() - now
    result = accuracy(model, *test, VIEWS)
    print(f'test accuracy {result:.2f} % with six views of each image, after {time.perf_counter() - start - aside:.0f} s in all')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--widths', type=lambda text: [int(width) for width in text.split(',')], default=[64, 128, 256])
    parser.add_argument('--batch', type=int, default=512)
    parser.add_argument('--train')
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments) if arguments.train else time_steps(arguments)
