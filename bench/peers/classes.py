"""
.venv/bin/python bench/peers/classes.py FOLDER SKIMAGE_DATA SKLEARN_IMAGES [--train 75] [--test 50]

Makes photographs of 1000×800 in four classes out of twelve pictures that scikit-image and scikit-learn ship (their folders `data` and `datasets/images`): FOLDER/train/CLASS
from the left three fifths of each picture, FOLDER/test/CLASS from the right two fifths, so that nothing of a test photograph was ever trained on. Stretches, turns, light,
colour and noise are drawn; the same arguments give the same files.
"""
import argparse, os, random
import numpy as np
from PIL import Image, ImageEnhance

WIDTH, HEIGHT = 1000, 800
PARTS = {"train": (0, 0.6), "test": (0.6, 1)}

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("skimage")
parser.add_argument("sklearn")
parser.add_argument("--train", type=int, default=75)
parser.add_argument("--test", type=int, default=50)
options = parser.parse_args()
classes = {
    "space": [("skimage", "astronaut.png"), ("skimage", "rocket.jpg"), ("skimage", "hubble_deep_field.jpg")],
    "home": [("skimage", "chelsea.png"), ("sklearn", "flower.jpg"), ("skimage", "coffee.png")],
    "ground": [("skimage", "brick.png"), ("skimage", "grass.png"), ("skimage", "gravel.png")],
    "street": [("sklearn", "china.jpg"), ("skimage", "motorcycle_left.png"), ("skimage", "camera.png")],
}
draw = random.Random(0)


def photograph(picture, part, i):
    """A photograph of a stretch of a picture's part."""
    left, right = (round(share * picture.width) for share in PARTS[part])
    view = picture.crop((left, 0, right, picture.height))
    width = int(draw.uniform(0.25, 0.8) * min(view.width, view.height * WIDTH / HEIGHT))
    height = int(width * HEIGHT / WIDTH)
    x, y = draw.randint(0, max(view.width - width, 0)), draw.randint(0, max(view.height - height, 0))
    view = view.crop((x, y, x + width, y + height)).rotate(draw.uniform(-20, 20), resample=Image.BICUBIC)
    view = view.resize((WIDTH, HEIGHT), Image.BICUBIC)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = enhance(view).enhance(draw.uniform(0.5, 1.5))
    if draw.random() < 0.5:
        view = view.convert("L").convert("RGB")
    if draw.random() < 0.5:
        view = view.transpose(Image.FLIP_LEFT_RIGHT)
    noise = np.random.RandomState(i).randn(HEIGHT, WIDTH, 1) * draw.uniform(0, 25)
    return Image.fromarray((np.asarray(view) + noise).clip(0, 255).astype(np.uint8))


for part in PARTS:
    for name, files in classes.items():
        folder = os.path.join(options.folder, part, name)
        os.makedirs(folder, exist_ok=True)
        pictures = [Image.open(os.path.join(getattr(options, place), file)).convert("RGB") for place, file in files]
        for i in range(getattr(options, part)):
            photograph(pictures[i % len(pictures)], part, i).save(os.path.join(folder, f"{i:03}.jpg"), quality=85)
