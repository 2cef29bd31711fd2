"""Augmentation of batches, images per second, against kornia: the same operations on the same batch.

`agree` runs first, with one set of parameters for both: fixed angles, shifts, factors and kernels, or the window that
kornia drew; noise by its deviation. tests/peers/test_augment_elsewhere.py holds the elastic fields side by side.
Resized crops are raced only: kornia rounds its rectangles to pixels. Rounds are interleaved, to and fro, so that a
busy machine slows both alike; a round takes the fastest of three calls, a figure is the median over the rounds, and
the ratio is the median of the ratios within a round, once of wall and once of CPU time, and that of the fastest calls
of all. Where neighbours are busy, wall times of two threads have two modes, and the last ratio says most. Every
example is changed (p = 1), flips with 0.5. Threads: `OMP_NUM_THREADS`, 1 where it is not set.
"""

import os
import statistics
import time
import warnings
from collections.abc import Callable
from operator import truediv

import torch
from _record import record
from torch import Tensor, nn

from vademecum import data
from vademecum.data._warp import padded, windows

ROUNDS = 9
SHAPES = ((256, 3, 32, 32), (32, 3, 224, 224))
Augment = Callable[[Tensor], Tensor]
POLICY = "crop:4,flip,rotate:15,translate:2,color:0.2,noise:0.05"


def ours(size: int) -> dict[str, nn.Module]:
    """Our parts."""
    return {
        "horizontal flip": data.RandomHorizontalFlip(0.5),
        "vertical flip": data.RandomVerticalFlip(0.5),
        "pad 4 and crop": data.RandomCrop(padding=4),
        "resized crop": data.RandomResizedCrop(size),
        "rotation": data.RandomRotation(15),
        "translation, whole pixels": data.RandomTranslate(4),
        "translation, parts of pixels": data.RandomTranslate(4, subpixel=True),
        "brightness, contrast, saturation": data.ColorJitter(0.2, 0.2, 0.2),
        "the same and hue": data.ColorJitter(0.2, 0.2, 0.2, 0.1),
        "color shift": data.ColorShift(0.1),
        "gaussian blur": data.GaussianBlur((0.1, 2.0)),
        "gaussian noise": data.GaussianNoise(0.1),
        "elastic": data.ElasticDeformation(34, 4),
        "policy of six": data.Policy.parse(POLICY),
    }


def peer(size: int) -> dict[str, nn.Module]:
    """The parts of kornia that do the same."""
    import kornia.augmentation as K

    def shift(pixels: float) -> dict[str, tuple[float, float]]:
        return dict.fromkeys(("translate_x", "translate_y"), (-pixels / size, pixels / size))

    crop = K.RandomCrop((size, size), padding=4)
    return {
        "horizontal flip": K.RandomHorizontalFlip(p=0.5),
        "vertical flip": K.RandomVerticalFlip(p=0.5),
        "pad 4 and crop": crop,
        "resized crop": K.RandomResizedCrop((size, size)),
        "rotation": K.RandomRotation(15.0, p=1.0),
        "translation, whole pixels": K.RandomTranslate(**shift(4), p=1.0),
        "translation, parts of pixels": K.RandomTranslate(**shift(4), p=1.0),
        "brightness, contrast, saturation": K.ColorJitter(0.2, 0.2, 0.2, 0.0),
        "the same and hue": K.ColorJitter(0.2, 0.2, 0.2, 0.1),
        "color shift": K.RandomRGBShift(0.1, 0.1, 0.1, p=1.0),
        "gaussian blur": K.RandomGaussianBlur((13, 13), (0.1, 2.0), p=1.0),
        "gaussian noise": K.RandomGaussianNoise(0.0, 0.1, p=1.0),
        "elastic": K.RandomElasticTransform((25, 25), (4.0, 4.0), (1.0, 1.0), p=1.0),
        "policy of six": K.AugmentationSequential(
            K.RandomCrop((size, size), padding=4),
            K.RandomHorizontalFlip(p=0.5),
            K.RandomRotation(15.0, p=1.0),
            K.RandomTranslate(**shift(2), p=1.0),
            K.ColorJitter(0.2, 0.2, 0.2, 0.0),
            K.RandomGaussianNoise(0.0, 0.05, p=1.0),
            data_keys=["input"],
        ),
    }


def agree(x: Tensor) -> None:
    """With the same parameters both give the same."""
    import kornia.augmentation as K

    size = x.shape[-1]
    few = x[:8] * 0.5 + 0.2  # so that kornia's clamps cut nothing
    t = 3 / size
    pairs: list[tuple[Augment, Augment, float]] = [
        (data.RandomHorizontalFlip(1.0), K.RandomHorizontalFlip(p=1.0), 0.0),
        (data.RandomVerticalFlip(1.0), K.RandomVerticalFlip(p=1.0), 0.0),
        (data.RandomRotation((20, 20)), K.RandomRotation((20.0, 20.0), p=1.0), 1e-3),
        (data.GaussianBlur(1.5), K.RandomGaussianBlur((11, 11), (1.5, 1.5), p=1.0), 1e-5),
        (
            data.ColorJitter((1.2, 1.2), (0.8, 0.8), (1.1, 1.1)),
            K.ColorJitter((1.2, 1.2), (0.8, 0.8), (1.1, 1.1), order=[0, 1, 2, 3]),
            1e-5,
        ),
        (data.ColorJitter(hue=(0.1, 0.1)), K.RandomHue((0.1, 0.1), p=1.0), 1e-4),
    ]
    for mine, theirs, tolerance in pairs:
        torch.testing.assert_close(mine(few), theirs(few), rtol=0, atol=tolerance)
    noises = (data.GaussianNoise(0.1), K.RandomGaussianNoise(0.0, 0.1, p=1.0))
    deviations = [(augment(few) - few).std() for augment in noises]
    torch.testing.assert_close(*deviations, rtol=0.05, atol=0)
    crop = K.RandomCrop((size, size), padding=4)
    want = crop(few)
    corner = crop._params["src"][:, 0].long()  # x, y of the window in the padded image
    wide = padded(few, (4, 4), padding_mode="zeros")
    torch.testing.assert_close(windows(wide, corner[:, 1], corner[:, 0], (size, size)), want, rtol=0, atol=0)
    moved = K.RandomTranslate((t, t), (t, t), p=1.0)(few)
    still = torch.zeros_like(few)
    still[..., 3:, 3:] = few[..., :-3, :-3]
    torch.testing.assert_close(moved, still, rtol=0, atol=1e-3)


def seconds(augment: Augment, x: Tensor) -> tuple[float, float]:
    """Wall and CPU time of one batch: the fastest of three, since a call that was interrupted says nothing."""
    wall, cpu = [], []
    for _ in range(3):
        start, busy = time.perf_counter(), time.process_time()
        augment(x)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    return min(wall), min(cpu)


def main() -> None:
    """Measure and write down."""
    import kornia

    warnings.simplefilter("ignore")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for shape in SHAPES:
        torch.manual_seed(0)
        x = torch.rand(shape)
        agree(x)
        mine, theirs = ours(shape[-1]), peer(shape[-1])
        for name in mine:
            runs = {"ours": mine[name], "kornia": theirs[name]}
            wall: dict[str, list[float]] = {runner: [] for runner in runs}
            cpu: dict[str, list[float]] = {runner: [] for runner in runs}
            for round_ in range(ROUNDS + 1):
                for runner, augment in list(runs.items())[:: 1 if round_ % 2 else -1]:
                    taken = seconds(augment, x)
                    if round_:
                        wall[runner].append(taken[0])
                        cpu[runner].append(taken[1])
            record(
                "augment",
                what=name,
                shape=list(shape),
                dtype="float32",
                kornia=kornia.__version__,
                images_per_second={
                    runner: round(shape[0] / statistics.median(values)) for runner, values in wall.items()
                },
                quartiles_milliseconds={
                    runner: [round(1e3 * q, 3) for q in statistics.quantiles(values, n=4)]
                    for runner, values in wall.items()
                },
                images_per_cpu_second={
                    runner: round(shape[0] / statistics.median(values)) for runner, values in cpu.items()
                },
                times_kornia_by_fastest=round(min(wall["kornia"]) / min(wall["ours"]), 2),
                times_kornia=round(statistics.median(map(truediv, wall["kornia"], wall["ours"])), 2),
                times_kornia_by_cpu=round(statistics.median(map(truediv, cpu["kornia"], cpu["ours"])), 2),
            )


if __name__ == "__main__":
    main()
