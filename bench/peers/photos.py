"""
.venv/bin/python bench/peers/photos.py FOLDER COUNT PICTURE... [--size 1000x800]

Makes COUNT JPEG photographs of about that size in FOLDER/train/a and FOLDER/train/b: stretches of the given pictures at random places, enlarged at random, with
a little noise so that their files are as large as a camera's (quality 90, 4:2:0). The same arguments give the same files.
"""
import argparse, os
import numpy as np
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("count", type=int)
parser.add_argument("pictures", nargs="+")
parser.add_argument("--size", default="1000x800")
parser.add_argument("--quality", type=int, default=90)
options = parser.parse_args()
width, height = map(int, options.size.split("x"))
draw = np.random.default_rng(0)
pictures = [Image.open(path).convert("RGB") for path in options.pictures]
for name in "ab":
    os.makedirs(os.path.join(options.folder, "train", name), exist_ok=True)
for i in range(options.count):
    picture = pictures[i % len(pictures)]
    w, h = round(width * draw.uniform(0.95, 1.05)), round(height * draw.uniform(0.95, 1.05))
    share = draw.uniform(0.5, 1)
    side = share * min(picture.width, picture.height * w / h)
    left, top = draw.uniform(0, picture.width - side), draw.uniform(0, picture.height - side * h / w)
    part = picture.resize((w, h), Image.Resampling.BICUBIC, (left, top, left + side, top + side * h / w))
    noise = draw.normal(0, 5, (h, w, 1))
    pixels = np.clip(np.asarray(part) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(os.path.join(options.folder, "train", "ab"[i % 2], f"{i:05}.jpg"), quality=options.quality)
