import sys

import pytest
import torch
from torch.testing import assert_close

from vademecum._core.errors import InputError
from vademecum.data.sources import Feature, load

NAN = float("nan")


def rows(n=30):
    """A good table: numbers with a gap, a category with a gap, a class."""
    lines = ["age,city,label"]
    for i in range(n):
        lines.append(
            f"{20 + i if i != 4 else 'NA'},{['Oslo', 'Rome', '?'][i % 3]},{'yes' if i % 2 else 'no'}"
        )
    return lines


@pytest.fixture
def write(tmp_path):
    def to(content, name="people.csv"):
        path = tmp_path / name
        if isinstance(content, list):
            content = "\n".join(content) + "\n"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to


def notes(source):
    return " ".join(source.notes)


def test_a_good_table(write):
    source = load(write(rows()), target="label")
    assert (source.name, source.kind, source.task, source.target) == (
        "people.csv",
        "table",
        "classification",
        "label",
    )
    assert source.features == (Feature("age"), Feature("city", ("Oslo", "Rome")))
    assert source.classes == ("no", "yes")
    assert_close(source.x[:5], torch.tensor([[20, 0], [21, 1], [22, NAN], [23, 0], [NAN, 1]]), equal_nan=True)
    assert_close(source.y[:3], torch.tensor([0, 1, 0]))
    assert source.items[0] == "row 2"
    assert source.groups is source.times is source.parts is None
    assert "1 numeric and 1 categorical" in notes(source)
    assert "Missing values in 'age' (1), 'city' (10)" in notes(source)


def test_fingerprint_is_of_the_content(write):
    first = load(write(rows()), target="label").fingerprint
    assert load(write(rows(), "other.csv"), target="label").fingerprint == first
    assert load(write([*rows()[:-1], "48,Rome,yes"]), target="label").fingerprint != first
    assert len(first) == 64


@pytest.mark.parametrize(
    ("mark", "name"),
    [(",", "a.csv"), ("\t", "a.tsv"), (";", "a.csv"), ("|", "a.txt"), (",", "a.txt"), (";", "a.tsv")],
)
def test_the_delimiter_is_found_and_said(write, mark, name):
    source = load(write([line.replace(",", mark) for line in rows()], name), target="label")
    assert len(source.features) == 2
    usual = {".csv": ",", ".tsv": "\t"}.get(name[-4:])
    assert ("separated by" in notes(source)) == (mark != usual)


def test_quotes_blank_lines_and_line_ends(write):
    lines = ["size,what,y", *[f'{i},"a, ""b""\nc",{i % 2}' for i in range(12)], "", "99,d,1"]
    source = load(write("\r\n".join(lines)), target="y")
    assert source.features[1].categories == ('a, "b"\nc', "d")
    assert source.items[0] == "row 2"
    assert source.items[1] == "row 4"  # each record of the twelve takes two lines
    assert source.items[-1] == "row 27"


def test_utf8_with_a_byte_order_mark(write):
    source = load(
        write(b"\xef\xbb\xbf" + "\n".join(rows()).replace("Oslo", "Tromsø").encode()), target="label"
    )
    assert source.features[0].name == "age"
    assert "Tromsø" in source.features[1].categories


@pytest.mark.parametrize("marker", ["", " ", "NA", "nan", "NULL", "?", "None", "n/a"])
def test_missing_markers(write, marker):
    source = load(write([*rows(), f"{marker},{marker},no"]), target="label")
    assert_close(source.x[-1], torch.tensor([NAN, NAN]), equal_nan=True)


def test_decimal_commas(write):
    lines = ["a;y", *[f"{i},5;{i % 2}" for i in range(8)], "7;1"]
    source = load(write(lines), target="y")
    assert_close(source.x[:, 0], torch.tensor([*[i + 0.5 for i in range(8)], 7.0]))
    assert "decimal commas" in notes(source)


def test_underscores_make_no_number(write):
    text = ["a,y", *[f"{i % 3}_0,{i % 2}" for i in range(20)]]
    assert load(write(text), target="y").features == (Feature("a", ("0_0", "1_0", "2_0")),)


def test_names_keys_and_free_text_are_left_out_and_said(write):
    lines = rows()
    text = [lines[0] + ",name", *[f"{line},person {i}" for i, line in enumerate(lines[1:])]]
    source = load(write(text), target="label")
    assert [feature.name for feature in source.features] == ["age", "city"]
    assert "Left out" in notes(source)
    assert "'name' (30 distinct values)" in notes(source)


def test_constant_counting_and_unnamed_columns_are_said(write):
    lines = rows()
    text = ["," + lines[0] + ",same", *[f"{i},{line},5" for i, line in enumerate(lines[1:])]]
    source = load(write(text), target="label")
    assert [feature.name for feature in source.features] == ["column 1", "age", "city", "same"]
    assert "Column 1 has no name" in notes(source)
    assert "only counts the rows: 'column 1'" in notes(source)
    assert "Only one value, which tells nothing, in 'same'" in notes(source)


def test_what_float32_cannot_tell_apart_is_said(write):
    text = ["stamp,y", *[f"{1700000000 + i},{i % 2}" for i in range(20)]]
    assert "Rounded to float32" in notes(load(write(text), target="y"))


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["0", "1"], "classification", ("0", "1")),
        (["0.0", "1.0"], "classification", ("0", "1")),
        (["-1", "1"], "classification", ("-1", "1")),
        (["true", "false"], "classification", ("false", "true")),
        (["3", "4", "10"], "classification", ("3", "4", "10")),
        (["3.0", "4.0", "5.0"], "regression", ()),
        ([str(k) for k in range(30)], "regression", ()),
        ([str(k) for k in range(15)], "regression", ()),  # four rows each: too few to be classes
        (["1.5", "2.5", "3.25"], "regression", ()),
    ],
)
def test_classification_or_regression(write, values, task, classes):
    text = ["a,y", *[f"{i * i},{values[i % len(values)]}" for i in range(60)]]
    source = load(write(text), target="y")
    assert (source.task, source.classes) == (task, classes)
    assert source.y.dtype == (torch.int64 if classes else torch.float32)
    assert "Target 'y' has" in notes(source)
    if classes:
        assert [classes[k] for k in source.y[: len(values)]] == [value.removesuffix(".0") for value in values]
    else:
        assert_close(source.y[: len(values)], torch.tensor([float(value) for value in values]))


def test_groups_and_times(write):
    text = ["who,when,a,y", *[f"p{i % 4},2024-01-{i + 1:02d},{i},{i % 2}" for i in range(12)]]
    source = load(write(text), target="y", group="who", time="when")
    assert [feature.name for feature in source.features] == ["a"]
    assert_close(source.groups, torch.arange(12) % 4)
    assert_close(source.times.diff(), torch.full((11,), 86400.0, dtype=torch.float64))
    source = load(
        write([line.replace("2024-01-", "") for line in text]), target="y", time="when", group="who"
    )
    assert_close(source.times, torch.arange(1, 13, dtype=torch.float64))


def test_iso_times_with_zone(write):
    text = ["when,a,y", *[f"2024-01-01T{i:02d}:00:00+01:00,{i},{i % 2}" for i in range(12)]]
    source = load(write(text), target="y", time="when")
    assert_close(float(source.times[1]), 1704067200.0)  # 01:00 in the zone +1 is 2024-01-01 00:00 UTC


@pytest.mark.parametrize(
    "date",
    ["2024-03-{:02d}", "2024-03-{:02d}T12:30:00Z", "{:02d}/03/2024", "{}.3.24", "2024/03/{:02d} 12:30"],
)
def test_dates_are_refused_by_name(write, date):
    text = ["when,a,y", *[f"{date.format(i + 1)},{i},{i % 2}" for i in range(12)]]
    with pytest.raises(InputError, match=r"'when' looks like dates .*--time"):
        load(write(text), target="y")
    with pytest.raises(InputError, match="'when' looks like dates"):
        load(write(text), target="when")


def good(**changes):
    lines = rows()
    for line, text in changes.items():
        lines[int(line[1:]) - 1] = text
    return lines


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, "is empty"),
        (b"\n\n", {}, "is empty"),
        (["age,city,label"], {}, "only the line of column names"),
        (good(r7="1,Oslo"), {}, "row 7 has 2, the header 3"),
        (good(r7="1,Oslo,no,no"), {}, "row 7 has 4, the header 3"),
        (good(r1="age,age,label"), {}, "'age' more than once"),
        (good(r1="1,2,3"), {}, "it holds numbers"),
        (rows(), {"target": ""}, "needs a target.*'age', 'city', 'label'"),
        (rows(), {"target": "lable"}, "did you mean 'label'"),
        (rows(), {"group": "cty"}, "group column of .* did you mean 'city'"),
        (rows(), {"time": "aeg"}, "time column of .* did you mean 'age'"),
        (rows(), {"group": "label"}, "must be different columns"),
        (["a,b,y", *[f"{i},NA,{i % 2}" for i in range(20)]], {"target": "y"}, "column 'b' of .* has none"),
        (good(r5="1,Oslo,", r9="1,Oslo,?"), {}, "in rows 5, 9 .2 of 30"),
        (good(r8="inf,Oslo,no"), {}, "column 'age' has inf in row 8"),
        (good(r8="1e300,Oslo,no"), {}, "column 'age' has 1e.300 in row 8"),
        (good(r8="12x,Oslo,no"), {}, "28 of 29 values are numbers, but '12x' stands in row 8"),
        (["p,y", *[f"${i}.50,{i % 2}" for i in range(20)]], {"target": "y"}, "'p' has values such as '.0.50'"),
        (["p;y", *[f"{i},500;{i % 2}" for i in range(1, 20)]], {"target": "y"}, "'1,500'.*thousands or decimals"),
        (["a,y", *[f"{i},class {i}" for i in range(20)]], {"target": "y"}, "20 distinct values in 20 rows"),
        (good(r8="1,Oslo,maybe"), {}, "fewer for 'maybe' .1"),
        (["a,y", *[f"{i},same" for i in range(20)]], {"target": "y"}, "at least two classes"),
        (["a,y", *[f"{i},7" for i in range(20)]], {"target": "y"}, "is 7 in every row"),
        (["y", *[str(i % 2) for i in range(20)]], {"target": "y"}, "none beside target"),
        (["n,y", *[f"name {i},{i % 2}" for i in range(20)]], {"target": "y"}, "apart from 'n' .20 distinct"),
        ("\n".join(rows()).replace("Oslo", "Tromsø").encode("latin-1"), {}, r"byte 0xf8 at byte 23 \(row 2\).*iconv"),
        ("\n".join(rows()).encode("utf-16"), {}, "is UTF-16"),
        (b"age,city,label\n1,Oslo,no\n2,Os\0lo,no\n", {}, r"NUL byte.*\(row 3\)"),
        (good(r6='1,"Oslo,no'), {}, "begins in row 6 and does not end"),
        (good(r6='1,"Os"lo,no'), {}, "row 6 cannot be read"),
        (rows(), {"group": "city"}, "has none in rows 4, 7, 10, 13, 16 and 5 others"),
        (rows(), {"time": "age"}, "has none in row 6"),
        (["t,a,y", *[f"{i}/1/2024,{i},{i % 2}" for i in range(1, 12)]], {"target": "y", "time": "t"}, "'1/1/2024' in row 2"),
        (["t,a,y", "2024-01-01T00:00Z,1,0", *[f"2024-01-0{i},{i},{i % 2}" for i in range(2, 9)]], {"target": "y", "time": "t"}, "all have a zone"),
    ],
)  # fmt: skip
def test_refusals(write, content, options, message):
    path = write(content)
    with pytest.raises(InputError, match=message):
        load(path, **{"target": "label", **options})


def test_refusals_by_path(tmp_path, write):
    write(rows())
    with pytest.raises(InputError, match=r"did you mean 'people.csv'"):
        load(tmp_path / "peple.csv", target="label")
    with pytest.raises(InputError, match="did you mean 'digits'"):
        load(tmp_path / "digts")
    with pytest.raises(InputError, match="save the sheet as CSV"):
        load(write(b"PK", "people.xlsx"), target="label")
    with pytest.raises(InputError, match="unpack it"):
        load(write(b"PK", "people.csv.gz"), target="label")
    with pytest.raises(InputError, match="image_size must be left out for a table"):
        load(write(rows()), target="label", image_size=32)


def test_a_table_that_may_not_be_read(write, monkeypatch):
    path = write(rows())

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        load(path, target="label")


def test_a_table_beyond_the_memory_is_refused(write, monkeypatch):
    monkeypatch.setattr("vademecum.data.sources._memory.available", lambda: 3000)
    with pytest.raises(InputError, match=r"third of the available memory.*Parquet"):
        load(write(rows()), target="label")


def test_the_system_tells_its_memory():
    from vademecum.data.sources._memory import available

    assert available() is None or available() > 2**20


class TestParquet:
    @pytest.fixture
    def save(self, tmp_path):
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        def to(**columns):
            path = tmp_path / "people.parquet"
            parquet.write_table(pa.table(columns), path)
            return path

        return to

    def test_agrees_with_csv(self, save, write):
        age = [None if i == 4 else 20 + i for i in range(30)]
        city = [["Oslo", "Rome", None][i % 3] for i in range(30)]
        label = ["yes" if i % 2 else "no" for i in range(30)]
        got, want = (
            load(save(age=age, city=city, label=label), target="label"),
            load(write(rows()), target="label"),
        )
        assert_close(got.x, want.x, equal_nan=True)
        assert got.features == want.features
        assert got.fingerprint == want.fingerprint
        assert got.items[0] == "row 1"

    def test_types_say_what_columns_mean(self, save):
        import datetime

        days = [datetime.date(2024, 1, 1 + i) for i in range(20)]
        path = save(
            flag=[i % 3 == 0 for i in range(20)],
            code=[f"{i % 3}" for i in range(20)],
            day=days,
            y=[float(i) for i in range(20)],
        )
        source = load(path, target="y", time="day")
        assert source.features == (Feature("flag", ("False", "True")), Feature("code", ("0", "1", "2")))
        assert source.task == "regression"
        assert_close(float(source.times[1] - source.times[0]), 86400.0)
        with pytest.raises(InputError, match="'day' looks like dates"):
            load(path, target="y")

    def test_refusals(self, save, write, monkeypatch):
        with pytest.raises(InputError, match=r"column 'a' of .* holds list"):
            load(save(a=[[1], [2]], y=[0, 1]), target="y")
        with pytest.raises(InputError, match=r"column 'a' of .* has none"):
            load(save(a=[None] * 20, y=[0, 1] * 10), target="y")
        with pytest.raises(InputError, match="column 'a' has inf in row 2"):
            load(save(a=[0.0, float("inf")], y=[0, 1]), target="y")
        with pytest.raises(InputError, match="0 rows"):
            load(save(a=[], y=[]), target="y")
        with pytest.raises(InputError, match="must be Parquet"):
            load(write(b"no parquet", "a.parquet"), target="y")
        path = save(a=[1, 2], y=[0, 1])
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(InputError, match=r"pip install 'vademecum\[parquet\]'"):
            load(path, target="y")
