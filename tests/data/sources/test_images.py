import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from vademecum._core.errors import InputError
from vademecum.data.sources import digits, load

RED, WHITE = (255, 0, 0), (255, 255, 255)


def draw(path, *, size=(8, 8), mode="RGB", value=RED, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path, **options)
    return path


def fill(root, *, classes=("cat", "dog"), count=4, **options):
    for k, name in enumerate(classes):
        for i in range(count):
            draw(root / name / f"{i}.png", **{"value": (40 * k, 10 * i, 5), **options})
    return root


def notes(source):
    return " ".join(source.notes)


def test_class_folders(tmp_path):
    source = load(fill(tmp_path / "pets"))
    assert (source.name, source.kind, source.task, source.classes) == (
        "pets",
        "images",
        "classification",
        ("cat", "dog"),
    )
    assert source.x.shape == (8, 3, 8, 8)
    assert source.x.dtype == torch.uint8
    assert_close(source.x[5, :, 0, 0], torch.tensor([40, 10, 5], dtype=torch.uint8))
    assert_close(source.y, torch.tensor([0] * 4 + [1] * 4))
    assert source.items[5] == "dog/1.png"
    assert source.parts is source.groups is source.times is None
    assert source.notes == ("8 images of 2 classes: cat, dog.",)


def test_fingerprint_is_of_the_content(tmp_path):
    first = load(fill(tmp_path / "a")).fingerprint
    assert load(fill(tmp_path / "b")).fingerprint == first
    draw(tmp_path / "b" / "cat" / "0.png", value=WHITE)
    assert load(tmp_path / "b").fingerprint != first


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("training", "Validation", "testing"), ("Train", "valid", "TEST")]
)
def test_parts(tmp_path, names):
    for name, count in zip(names, (4, 2, 3)):
        fill(tmp_path / name, count=count)
    source = load(tmp_path)
    assert_close(source.parts.bincount(), torch.tensor([8, 4, 6]))
    assert source.items[0] == f"{names[0]}/cat/0.png"
    assert "train 8, val 4, test 6" in notes(source)


def test_val_may_be_missing(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test", count=2)
    assert sorted(load(tmp_path).parts.unique().tolist()) == [0, 2]


def test_train_alone_says_nothing_of_parts(tmp_path):
    fill(tmp_path / "train")
    source = load(tmp_path)
    assert source.parts is None
    assert "Only the folder 'train'" in notes(source)


def test_a_class_lacking_in_test_is_said(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test", classes=("cat",))
    assert "test has no image of 'dog'" in notes(load(tmp_path))


def test_classes_may_be_called_like_parts(tmp_path):
    fill(tmp_path, classes=("test", "train"))
    with pytest.raises(InputError, match="no train with sub-folders"):
        load(tmp_path)
    fill(tmp_path, classes=("control",))
    assert load(tmp_path).classes == ("control", "test", "train")


def test_other_files_are_counted(tmp_path):
    fill(tmp_path)
    (tmp_path / "README.txt").write_text("pets")
    (tmp_path / "cat" / ".DS_Store").write_text("")
    (tmp_path / "dog" / "labels.csv").write_text("")
    fill(tmp_path / ".cache")
    source = load(tmp_path)
    assert len(source) == 8
    assert "3 hidden files and files that are no images" in notes(source)


def test_images_deeper_in_a_class_are_taken(tmp_path):
    fill(tmp_path)
    draw(tmp_path / "cat" / "young" / "9.png")
    assert "cat/young/9.png" in load(tmp_path).items


def test_mixed_sizes_become_the_median_square_cut_from_the_center(tmp_path):
    fill(tmp_path, size=(10, 10))
    path = draw(tmp_path / "cat" / "wide.png", size=(30, 10), value=(0, 0, 0))
    image = Image.open(path)
    image.paste(RED, (10, 0, 20, 10))
    image.save(path)
    source = load(tmp_path)
    assert source.x.shape[2:] == (10, 10)
    wide = source.x[source.items.index("cat/wide.png")]
    assert_close(wide, torch.tensor(RED, dtype=torch.uint8)[:, None, None].expand(3, 10, 10))
    assert "of 2 sizes, 10x10 to 10x30" in notes(source)
    assert "Cropped to the largest centered square, as they are not square: 1 image." in notes(source)


def test_large_images_are_made_smaller_and_image_size_decides(tmp_path):
    fill(tmp_path, size=(100, 80))
    source = load(tmp_path)
    assert source.x.shape[2:] == (64, 64)
    assert "80x100 (height x width), were resized to 64x64" in notes(source)
    assert load(tmp_path, image_size=20).x.shape[2:] == (20, 20)
    bigger = load(tmp_path, image_size=90)
    assert bigger.x.shape[2:] == (90, 90)
    assert "Enlarged: 8 images." in notes(bigger)


def test_images_of_the_size_wanted_are_left_alone(tmp_path):
    fill(tmp_path, size=(80, 80))
    assert load(tmp_path, image_size=80).notes == ("8 images of 2 classes: cat, dog.",)


def test_one_small_size_stays_also_where_it_is_not_square(tmp_path):
    fill(tmp_path, size=(12, 9))
    source = load(tmp_path)
    assert source.x.shape[2:] == (9, 12)
    assert "resized" not in notes(source)


def test_gray_is_one_channel(tmp_path):
    fill(tmp_path, mode="L", value=77)
    source = load(tmp_path)
    assert source.x.shape == (8, 1, 8, 8)
    assert_close(source.x, torch.full_like(source.x, 77))


def test_gray_in_color_is_one_channel(tmp_path):
    fill(tmp_path, value=(9, 9, 9))
    source = load(tmp_path)
    assert source.x.shape[1] == 1
    assert "gray though stored in color" in notes(source)


@pytest.mark.parametrize(
    ("mode", "value", "suffix", "want"),
    [
        ("L", 50, "png", (50, 50, 50)),
        ("1", 1, "png", WHITE),
        ("RGBA", (255, 0, 0, 0), "png", WHITE),
        ("RGBA", (255, 0, 0, 255), "png", RED),
        ("LA", (10, 0), "png", WHITE),
        ("P", 0, "png", (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "tif", RED),
        ("I;16", 65535, "png", WHITE),
    ],
)
def test_modes_among_color(tmp_path, mode, value, suffix, want):
    fill(tmp_path)
    draw(tmp_path / "cat" / f"odd.{suffix}", mode=mode, value=value)
    source = load(tmp_path)
    odd = source.x[source.items.index(f"cat/odd.{suffix}")]
    assert_close(odd[:, 4, 4], torch.tensor(want, dtype=torch.uint8))
    assert "several ways: RGB (8), " in notes(source)


@pytest.mark.parametrize(("top", "want"), [(65535, 255), (4095, 255), (255, 255)])
def test_deep_images_are_scaled_by_their_own_depth(tmp_path, top, want):
    for name in ("cat", "dog"):
        for i in range(4):
            values = np.linspace(0, top, 64).round().astype(np.uint16).reshape(8, 8)
            draw(tmp_path / name / f"{i}.png")
            Image.fromarray(values).save(tmp_path / name / f"{i}.png")
    source = load(tmp_path)
    assert source.x.shape[1] == 1
    assert_close(source.x[0, 0].flatten().float(), torch.linspace(0, want, 64), rtol=0, atol=1.0)
    assert "more than 8 bits: 8 images." in notes(source)


def test_exif_orientation(tmp_path):
    fill(tmp_path, size=(8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    image = Image.new("RGB", (8, 8), (0, 0, 0))
    image.paste(WHITE, (0, 0, 8, 4))  # white above
    image.save(tmp_path / "cat" / "turned.png", exif=exif)
    source = load(tmp_path)
    turned = source.x[source.items.index("cat/turned.png"), 0]
    assert_close(turned[:, 7], torch.full((8,), 255, dtype=torch.uint8))  # white at the right
    assert_close(turned[:, 0], torch.zeros(8, dtype=torch.uint8))
    assert "Turned upright, as their EXIF orientation says: 1 image." in notes(source)


def test_first_frame_of_several(tmp_path):
    fill(tmp_path)
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, WHITE)]
    frames[0].save(tmp_path / "cat" / "film.gif", save_all=True, append_images=frames[1:])
    source = load(tmp_path)
    assert_close(source.x[source.items.index("cat/film.gif"), :, 4, 4], torch.tensor(RED, dtype=torch.uint8))
    assert "several frames: 1 image." in notes(source)


def bomb(path, side):
    """A PNG whose header says it is enormous; there are no pixels in it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [14000, 50000])  # PIL warns of the first and refuses the second
def test_decompression_bomb(tmp_path, side):
    fill(tmp_path)
    bomb(tmp_path / "cat" / "bomb.png", side)
    with pytest.raises(InputError, match=rf"bomb.png says it has {side * side}"):
        load(tmp_path)


def test_damaged_files_are_named_together(tmp_path):
    fill(tmp_path, size=(40, 40))
    whole = draw(tmp_path / "cat" / "half.jpg", size=(40, 40)).read_bytes()
    (tmp_path / "cat" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"1 of 9 are not: .*half.jpg"):
        load(tmp_path)
    for i in range(7):
        (tmp_path / "dog" / f"bad{i}.png").write_bytes(b"not an image")
    with pytest.raises(
        InputError, match=r"8 of 16 are not: .*half.jpg \(Trunc.*bad0.png \(no image\).* and 3 more"
    ):
        load(tmp_path)


def test_too_much_for_the_memory(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.setattr("vademecum.data.sources._memory.available", lambda: 3 * 8 * 3 * 8 * 8 - 1)
    with pytest.raises(
        InputError, match=r"third of the available memory: 8 images of 8x8 pixels.*--set image_size"
    ):
        load(tmp_path)
    monkeypatch.setattr("vademecum.data.sources._memory.available", lambda: 3 * 8 * 3 * 8 * 8)
    assert len(load(tmp_path)) == 8


def test_refusals(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no sub-folder and 0 images"):
        load(empty)
    draw(tmp_path / "flat" / "a.png")
    with pytest.raises(InputError, match="no sub-folder and 1 images"):
        load(tmp_path / "flat")
    with pytest.raises(InputError, match="give the folder"):
        load(tmp_path / "flat" / "a.png")
    with pytest.raises(InputError, match="only 'cat'; add a sub-folder"):
        load(fill(tmp_path / "one", classes=("cat",)))
    fill(tmp_path / "high" / "pets")
    with pytest.raises(InputError, match=r"did you mean .*pets"):
        load(tmp_path / "high")
    fill(tmp_path / "hole")
    (tmp_path / "hole" / "eel").mkdir()
    with pytest.raises(InputError, match="has none in eel"):
        load(tmp_path / "hole")
    fill(tmp_path / "few")
    draw(tmp_path / "few" / "eel" / "0.png")
    with pytest.raises(InputError, match=r"fewer for 'eel' .1"):
        load(tmp_path / "few")
    with pytest.raises(InputError, match="target, time must be left out for images"):
        load(fill(tmp_path / "good"), target="a", time="b")
    with pytest.raises(InputError, match="at least 1 pixel"):
        load(tmp_path / "good", image_size=0)
    draw(tmp_path / "float" / "cat" / "a.tif", mode="F", value=0.5)
    fill(tmp_path / "float")
    with pytest.raises(InputError, match="floating-point"):
        load(tmp_path / "float")


def test_refusals_of_parts(tmp_path):
    fill(tmp_path / "odd" / "train")
    fill(tmp_path / "odd" / "test")
    fill(tmp_path / "odd" / "extra")
    with pytest.raises(InputError, match="also has extra"):
        load(tmp_path / "odd")
    fill(tmp_path / "twin" / "train")
    fill(tmp_path / "twin" / "val")
    fill(tmp_path / "twin" / "valid")
    with pytest.raises(InputError, match="val, valid for the same part"):
        load(tmp_path / "twin")
    fill(tmp_path / "lost" / "val")
    fill(tmp_path / "lost" / "test")
    with pytest.raises(InputError, match="no train with sub-folders"):
        load(tmp_path / "lost")
    fill(tmp_path / "new" / "train")
    fill(tmp_path / "new" / "test", classes=("cat", "eel"))
    with pytest.raises(InputError, match="none for 'eel'"):
        load(tmp_path / "new")
    fill(tmp_path / "flat" / "train")
    draw(tmp_path / "flat" / "test" / "a.png")
    with pytest.raises(InputError, match=r"test has none \(part test\)"):
        load(tmp_path / "flat")


def test_digits():
    source = load("digits")
    assert source.x.shape == (1797, 1, 8, 8)
    assert_close(torch.tensor([source.x.min(), source.x.max()]), torch.tensor([0.0, 16.0]))
    assert source.classes == tuple("0123456789")
    assert source.fingerprint == digits().fingerprint
    with pytest.raises(InputError, match="group must be left out"):
        load("digits", group="a")
    with pytest.raises(InputError, match="8 by 8"):
        load("digits", image_size=16)
