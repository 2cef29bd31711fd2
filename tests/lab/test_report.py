"""The page, read as a browser and a screen reader would: every promise that can be held without a browser."""

import base64
import csv
import io
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from vademecum._core.errors import InputError
from vademecum.lab import figures, report
from vademecum.lab.evaluate import evaluate
from vademecum.lab.recipe import Recipe
from vademecum.lab.run_folder import RunFolder

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "input", "img", "br", "link"}
BIBTEX = """@article{guo2017calibration,
  title = {On Calibration of Modern Neural Networks}, author = {Guo, Chuan and Pleiss, Geoff and Sun, Yu and
  Weinberger, Kilian Q.}, year = {2017}, eprint = {1706.04599},
}
"""


class Page(HTMLParser):
    """Elements with their attributes, headings in order, and the visible text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.words, self.cells = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def train_linear(x, y, classes, *, rate=0.5, epochs=25):
    """Logistic or least-squares regression by gradient descent; weights, bias, and the losses on the way."""
    weight, bias = torch.zeros(classes, x.shape[1]), torch.zeros(classes)
    loss = torch.nn.CrossEntropyLoss() if classes > 1 else torch.nn.MSELoss()
    history = []
    for _ in range(epochs):
        w, b = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        out = x @ w.T + b
        value = loss(out if classes > 1 else out[:, 0], y)
        value.backward()
        weight, bias = weight - rate * w.grad, bias - rate * b.grad
        history.append(value.item())
    return weight, bias, history


def make_run(path, *, kind="images", names=None, status="finished"):
    """A whole run folder from real data: a linear model on scikit-learn's digits or diabetes."""
    from sklearn.datasets import load_diabetes, load_digits

    images = kind == "images"
    loaded = load_digits() if images else load_diabetes()
    classes = tuple(names or map(str, range(10))) if images else ()
    x = torch.tensor(loaded.data, dtype=torch.float32)
    y = torch.tensor(loaded.target) if images else torch.tensor(loaded.target, dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    cut = int(0.8 * len(x))
    train, test = order[:cut], order[cut:]
    mean, std = x[train].mean(0), x[train].std(0).clamp_min(1e-3)
    z = (x - mean) / std
    goal = y if images else y - y[train].mean()
    outputs, rate = len(classes) or 1, 0.5 if images else 0.1
    weight, bias, losses = train_linear(z[train], goal[train], outputs, rate=rate)
    scores = z[test] @ weight.T + bias + (0 if images else y[train].mean())
    items = [f"{'digit' if images else 'row'} {i}" for i in test.tolist()]
    result = evaluate(
        scores, y[test], task="classification" if images else "regression", classes=classes, items=items,
        train_target=y[train],
    )  # fmt: skip
    folder = RunFolder.create(path, Recipe(data="digits" if images else "diabetes.csv"))
    rates = [10 ** (-4 + i / 12) for i in range(60)]
    few = train[:128]
    tried = [train_linear(z[few], goal[few], outputs, rate=min(r, 3.0), epochs=4)[2][-1] for r in rates]
    folder.note(
        status=status,
        command="vade fit digits --set epochs=25",
        started="2026-01-02T03:04:05+00:00",
        seconds=75.25,
        threads=2,
        versions={"vademecum": "0.1.0", "python": "3.12.3", "torch": "2.13.0"},
        machine={"platform": "Linux-6.8-x86_64", "device": "cpu"},
        data={
            "name": "digits" if images else "diabetes", "kind": kind, "task": result.task, "target": loaded_target(kind),
            "count": len(x), "shape": [1, 8, 8] if images else [10], "classes": list(classes),
            "class_counts": torch.bincount(y).tolist() if images else [],
            "features": [] if images else [{"name": n, "categories": []} for n in loaded.feature_names],
            "notes": ["Pixels run from 0 to 16."], "fingerprint": "9f" * 32,
        },
        split={"train": cut, "val": 0, "test": len(test), "method": "at random, seed 0"},
        model={
            "name": "linear", "parameters": weight.numel() + bias.numel(), "macs": weight.numel(),
            "layers": [
                {"path": "preprocess", "type": "Standardize", "output": [x.shape[1]], "parameters": 0, "macs": 0},
                {"path": "head", "type": "Linear", "output": [len(bias)], "parameters": 650, "macs": 640},
            ],
        },
        learning_rate=0.5,
        range_test={
            "rates": rates, "losses": tried, "smoothed": tried, "chosen": 0.5,
            "reason": "The loss falls fastest at 0.5 and rises from 3 on.",
        },
        training={"epochs_run": 25, "epochs_allowed": 25, "best_epoch": 25, "patience": 5, "stopped": "epochs"},
    )  # fmt: skip
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["epoch", "step", "learning_rate", "train_loss", "val_loss", "val_metric", "seconds"])
    for epoch, loss in enumerate(losses, start=1):
        table.writerow([epoch, epoch, 0.5, loss, 1.05 * loss, 0.98 - 0.5 / epoch, 0.01])
    folder.write("metrics.csv", out.getvalue())
    folder.write_json("findings.json", [
        {"rule": "initial-loss", "severity": "ok", "message": "The first loss is 2.303, as chance would have it.",
         "cure": "", "where": "", "evidence": {"loss": losses[0], "expected": 2.3026}, "reference": ""},
        {"rule": "constant-input", "severity": "warning", "message": "Three pixels never vary in the training part.",
         "cure": "Leave them out.", "where": "pixel_0", "evidence": {"constant_inputs": 3.0},
         "reference": "guo2017calibration"},
    ])  # fmt: skip
    if status == "finished":
        folder.write_json("evaluation.json", result.to_dict())
        stored = io.BytesIO()
        np.savez(stored, index=test.numpy(), target=y[test].numpy(), scores=scores.numpy())
        folder.write("predictions.npz", stored.getvalue())
        folder.write("refs.bib", BIBTEX)
    for place, mistake in enumerate(result.mistakes if images and status == "finished" else ()):
        heat = (weight[classes.index(mistake.said)] / std).abs().view(1, 8, 8)
        image = x[test[mistake.index]].view(1, 8, 8)
        folder.write(f"mistakes/{place:02d}.png", figures.saliency_png(image, heat))
    return folder.path


def loaded_target(kind):
    return "digit" if kind == "images" else "progression in a year"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits-1")


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "diabetes-1", kind="table")


@pytest.fixture(scope="module", params=["digits", "diabetes", "interrupted", "empty", "hostile"])
def page(request, tmp_path_factory):
    """The pages of all kinds of runs."""
    place = tmp_path_factory.mktemp("runs") / "a run"
    if request.param in {"digits", "diabetes"}:
        folder = request.getfixturevalue(request.param)
    elif request.param == "interrupted":
        folder = make_run(place, status="interrupted")
    elif request.param == "hostile":
        folder = hostile_run(place)
    else:
        folder = RunFolder.create(place, Recipe()).path
    written = report.write(folder)
    assert written == folder / "report.html"
    return Page(written.read_text(encoding="utf-8"))


def hostile_run(place):
    """Every text that a user can choose holds markup."""
    folder = RunFolder(make_run(place, names=[EVIL, "a & b", '"', "'", *"456789"]))
    facts = folder.facts
    facts["command"] = facts["model"]["name"] = facts["machine"]["device"] = f"vade fit {EVIL}"
    facts["data"] |= {
        "name": EVIL,
        "target": EVIL,
        "notes": [EVIL],
        "features": [{"name": EVIL, "categories": [EVIL]}],
    }
    facts["model"]["layers"][0]["path"] = facts["range_test"]["reason"] = EVIL
    folder.note(**facts)
    finding = folder.read_json("findings.json")[1]
    folder.write_json("findings.json", [finding | dict.fromkeys(("message", "cure", "where", "rule"), EVIL)])
    judged = folder.read_json("evaluation.json")
    judged["mistakes"] = [mistake | {"item": f'{EVIL}" onerror="x'} for mistake in judged["mistakes"]]
    folder.write_json("evaluation.json", judged)
    folder.write("refs.bib", BIBTEX.replace("Modern", EVIL).replace("1706.04599", '"><b>'))
    return folder.path


def test_nothing_is_loaded_and_nothing_runs(page):
    assert not page.all("script")
    assert not page.all("link")
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "srcset", "data", "poster", "action", "formaction", "background"):
            assert attributes.get(name, "data:image/png;").startswith("data:image/png;"), (tag, attributes)
        if tag != "a":
            assert attributes.get("href", "#").startswith("#"), (tag, attributes)
        elif not attributes["href"].startswith("#"):
            assert attributes["href"].startswith(("https://doi.org/", "https://arxiv.org/abs/"))
    styles = [attributes["style"] for _, attributes in page.elements if "style" in attributes]
    assert not re.search(r"url\((?!#)|@import", " ".join(styles))


def test_one_first_heading_and_no_level_is_skipped(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_screen_reader_finds_names_for_everything(page):
    assert [a["lang"] for a in page.all("html")] == ["en"]
    assert len(page.all("main")) == 1
    for attributes in page.all("img"):
        assert attributes["alt"].strip()
    for attributes in page.all("svg"):
        named = attributes.get("role") == "img" and attributes.get("aria-label", "").strip()
        assert named or attributes.get("aria-hidden") == "true"
    for attributes in page.all("th"):
        assert attributes["scope"] in {"row", "col"}
    for attributes in page.all("section"):
        assert attributes["aria-labelledby"] in {a.get("id") for a in page.all("h2")}
    for _, attributes in page.elements:
        if attributes.get("role") == "region":
            assert attributes["aria-label"]
            assert attributes["tabindex"] == "0"


def test_ids_are_unique_and_every_reference_meets_one(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {a["href"][1:] for _, a in page.elements if a.get("href", "").startswith("#")}
    wanted |= {
        m for _, a in page.elements for m in re.findall(r"url\(#([^)]+)\)", " ".join(map(str, a.values())))
    }
    assert wanted <= set(ids)
    assert not page.open


def test_every_row_of_a_table_has_as_many_cells_as_its_head(page):
    widths, rows = [], []
    for tag, _ in page.elements:
        if tag == "table":
            rows = []
            widths.append(rows)
        elif tag == "tr":
            rows.append(0)
        elif tag in {"th", "td"}:
            rows[-1] += 1
    assert all(len(set(rows)) == 1 for rows in widths)


def test_the_result_stands_on_top_with_its_uncertainty(digits):
    page = Page(report.write(digits).read_text(encoding="utf-8"))
    judged = json.loads((digits / "evaluation.json").read_text())
    assert f"{100 * judged['metrics']['accuracy']:.1f} % of 360 unseen images right" in page.text
    low, high = (f"{100 * bound:.1f}" for bound in judged["interval"])
    assert f"interval goes from {low} to {high} %. Always saying the commonest class gets" in page.text
    for words in ("1 finding that asks for a look; 1 as expected", "1 min 15 s", "more epochs may still help",
                  "vade fit --recipe", "9f" * 32, "Guo et al. (2017)", "@article{guo2017calibration"):  # fmt: skip
        assert words in page.text


def test_a_regression_is_told_in_units_of_its_target(diabetes):
    page = Page(report.write(diabetes).read_text(encoding="utf-8"))
    judged = json.loads((diabetes / "evaluation.json").read_text())
    assert f"R² {judged['metrics']['r2']:.4g} on 89 unseen rows" in page.text
    assert f"progression in a year is off by {judged['metrics']['mae']:.4g} on average" in page.text
    assert "89 examples; true values from" in " ".join(a.get("aria-label", "") for a in page.all("svg"))


def test_an_interrupted_run_says_so_and_shows_what_is_there(tmp_path):
    page = Page(report.write(make_run(tmp_path / "half", status="interrupted")).read_text(encoding="utf-8"))
    assert "This run is interrupted" in page.text
    assert "25 epochs of training are on record" in page.text
    assert "The test, once" not in page.text


def test_the_same_files_give_the_same_bytes(digits):
    first = report.write(digits).read_bytes()
    assert report.write(digits).read_bytes() == first
    assert len(first) < 1_000_000


def test_markup_in_names_is_shown_and_not_run(tmp_path):
    text = report.write(hostile_run(tmp_path / "x")).read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 20
    assert "onerror" not in {name for _, attributes in Page(text).elements for name in attributes}


def test_many_classes_are_told_by_their_commonest_confusions(tmp_path):
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(30).repeat(10)
    logits = torch.randn(300, 30, generator=generator) + 3 * torch.eye(30)[target]
    folder = RunFolder.create(tmp_path / "many", Recipe())
    folder.write_json("evaluation.json", evaluate(logits, target, task="classification").to_dict())
    page = Page(report.write(folder.path).read_text(encoding="utf-8"))
    assert "The commonest confusions among 30 classes" in page.text
    assert "All 30 classes" in page.text


def test_pictures_beyond_the_room_stay_in_the_folder(digits, monkeypatch):
    monkeypatch.setattr(report, "MOST_PICTURE_BYTES", 3000)
    page = Page(report.write(digits).read_text(encoding="utf-8"))
    assert 0 < len(page.all("img")) < 5
    assert "picture in mistakes/05.png" in page.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.json", "{"), ("metrics.csv", "epoch,val_loss\n1,none\n"), ("refs.bib", "@article{a, title = {"),
     ("mistakes/00.png", "no picture"), ("evaluation.json", "[")],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, name, content):
    folder = RunFolder.create(tmp_path / "run", Recipe())
    folder.write(name, content)
    with pytest.raises(InputError, match=re.escape(name)):
        report.write(folder.path)
    assert not (folder.path / "report.html").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds recipe\.toml"):
        report.write(tmp_path)
    assert not list(tmp_path.iterdir())


def contrast(one, other):
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of relative luminances."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_from_its_ground_in_both_schemes(digits, scheme):
    text = report.write(digits).read_text(encoding="utf-8")
    blocks = re.findall(r"--paper: #[^}]*?--bad: #\w{6};", text)
    colors = dict(re.findall(r"--(\w+): (#\w{6});", blocks[scheme]))
    for name in ("ink", "muted", "first", "second", "good", "bad"):
        for ground in ("paper", "cell"):
            assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)
    # The fullest cells of the confusion matrix: 38 % of a color over the cell's ground, mixed in sRGB.
    for name in ("first", "second"):
        mixed = "#" + "".join(
            f"{round(0.38 * int(colors[name][i : i + 2], 16) + 0.62 * int(colors['cell'][i : i + 2], 16)):02x}"
            for i in (1, 3, 5)
        )
        assert contrast(colors["ink"], mixed) >= 4.5, name
    assert contrast(colors["ink"], colors["rule"]) >= 4.5


def test_figures_keep_names_as_text_and_colors_as_variables():
    svg = figures.against("a", [1.0, 2.0], [1.5, 2.5], target="价格 $m$ <b>")
    assert "true 价格 $m$ &lt;b&gt;</text>" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "var(--first)" in svg
    assert "font-family" not in svg


def test_figures_bear_values_that_are_not_finite():
    nan = float("nan")
    svg = figures.learning_curves("l", [1, 2], {"training": [nan, nan]}, title="Loss", label="loss", best=1)
    assert "nan at epoch 2" in svg
    assert "NaN" not in svg
    assert "chosen" in figures.range_test("r", [0.1, 1.0], [nan, nan], [nan, nan], chosen=0.1)


def picture(png):
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return torch.from_numpy(np.array(image.convert("RGBA"))), image.info


def test_saliency_keeps_sign_scale_and_place():
    heat = torch.zeros(2, 8, 8)
    heat[0, 1, 2], heat[1, 5, 6] = 0.5, -2.0
    image = torch.linspace(0, 16, 64).view(1, 8, 8)
    pixels, about = picture(figures.saliency_png(image, heat))
    step, panel = figures.PANEL // 8, figures.PANEL + 8
    grey = pixels[step // 2 : figures.PANEL : step, step // 2 : figures.PANEL : step, 0]
    assert_close(grey.double(), image[0].double() / 16 * 255, rtol=0, atol=0.51)
    center = pixels[
        step // 2 : figures.PANEL : step, panel + step // 2 : panel + figures.PANEL : step, :3
    ].int()
    redness = center[..., 0] - center[..., 2]
    assert redness.argmax() == 1 * 8 + 2  # positive is red
    assert redness.argmin() == 5 * 8 + 6  # negative is blue
    assert_close(center[0, 0], torch.tensor([255, 255, 255], dtype=torch.int32))
    # A quarter of the largest magnitude has a quarter of the color.
    assert_close(
        255 - center[1, 2, 1], torch.tensor(round(0.25 * (1 - 0.09) * 255), dtype=torch.int32), rtol=0, atol=1
    )
    assert "from −2 to 0.5, strongest in row 6, column 7" in about["Description"]
    assert pixels[0, figures.PANEL + 2, 3] == 0  # the gutter shows the page


@pytest.mark.parametrize("shape", [(3, 300, 200), (1, 1, 1), (4, 5, 9)])
def test_saliency_fits_any_image(shape):
    image = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    pixels, _ = picture(figures.saliency_png(image, torch.zeros(shape)))
    assert pixels.shape[0] <= figures.PANEL
    assert pixels.shape[1] <= 3 * (figures.PANEL + 8) + 10


def test_saliency_refuses_a_map_of_another_size():
    with pytest.raises(ValueError, match=r"image \(1, 8, 8\), heat \(1, 4, 4\)"):
        figures.saliency_png(torch.zeros(1, 8, 8), torch.zeros(1, 4, 4))


def test_the_scale_of_a_map_without_negative_values_ends_at_white():
    both, one = (picture(figures.saliency_png(torch.rand(1, 4, 4), heat))[0][:, -1, :3].tolist()
                 for heat in (torch.tensor([[-1.0, 0], [0, 1]]).repeat(2, 2), torch.eye(4)))  # fmt: skip
    assert both[0] == one[0]  # red on top
    assert one[-1] == [255, 255, 255]
    assert both[-1][2] > both[-1][0]  # blue at the bottom


def test_embedded_pictures_are_those_of_the_folder(digits):
    page = Page(report.write(digits).read_text(encoding="utf-8"))
    embedded = [base64.b64decode(a["src"].split(",")[1]) for a in page.all("img")]
    assert embedded == [path.read_bytes() for path in sorted((digits / "mistakes").glob("*.png"))]


def vade(*arguments):
    from typer import Typer
    from typer.testing import CliRunner

    from vademecum.cli.report import report as verb

    app = Typer()
    app.command()(verb)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_verb_writes_a_missing_page_and_leaves_a_finished_one(digits, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    (digits / "report.html").unlink(missing_ok=True)
    assert "94.2 % of 360 unseen images right" in vade(digits, "--open").stdout
    assert shown == [(digits / "report.html").as_uri()]
    (digits / "report.html").write_text("mine")
    assert json.loads(vade(digits, "--json").stdout)["report"] == str(digits / "report.html")
    assert (digits / "report.html").read_text() == "mine"
    vade(digits, "--again")
    assert (digits / "report.html").read_text().startswith("<!doctype html>")


def test_the_verb_says_that_a_run_is_not_finished_and_writes_what_is_there(tmp_path):
    run = make_run(tmp_path / "half", status="interrupted")
    (run / "report.html").write_text("old")
    result = vade(run)
    assert "not finished (interrupted); go on with: vade fit --resume" in result.stdout
    assert "Every epoch in numbers" in (run / "report.html").read_text()


def test_the_verb_refuses_a_folder_that_is_no_run(tmp_path):
    assert isinstance(vade(tmp_path).exception, InputError)
