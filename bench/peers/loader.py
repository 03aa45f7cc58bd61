"""One pass of PyTorch's DataLoader over a folder of photographs: what bench/photos.mjs compares with. Prints images, seconds of all processes' processor time and of the clock."""
import json, resource, sys, time, warnings
import torch
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

warnings.simplefilter("ignore")
folder, workers, batch, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
first = [v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()] if kind == "train" else [v2.Resize(256), v2.CenterCrop(224)]
transform = v2.Compose([*first, v2.ToTensor(), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def used():
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(ImageFolder(folder, transform), batch_size=batch, shuffle=True, num_workers=workers)
    before, start, images = used(), time.perf_counter(), 0
    for x, y in loader:
        images += len(y)
    wall = time.perf_counter() - start
    del loader
    print(json.dumps({"images": images, "cpu": used() - before, "wall": wall}))
