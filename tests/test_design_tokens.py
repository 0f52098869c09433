"""Contrast of every pair of text and background that the house uses, in both themes; nothing names a colour elsewhere."""

import re
from pathlib import Path

import pytest

CSS = Path(__file__).parent.parent / "static" / "css"
LIGHT, DARK = 0, 1

Colour = tuple[float, ...]  # red, green, blue


def tokens(theme: int) -> dict[str, Colour]:
    text = (CSS / "tokens.css").read_text()
    pair = r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);"
    return {
        match[1]: tuple(int(match[theme + 2][at : at + 2], 16) / 255 for at in (1, 3, 5))
        for match in re.finditer(pair, text)
    }


def luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


SURFACES = ("paper", "canvas", "sunken", "raised")
# Text on background, as the style sheets combine them.
TEXT = [
    *((ink, surface) for ink in ("ink", "ink-2", "ink-3") for surface in SURFACES),
    *((ink, surface) for ink in ("ink", "ink-2") for surface in ("accent-soft", "user", "bot", "hit")),
    *((ink, "warn-soft") for ink in ("ink", "ink-2")),
    *((ink, "accent-soft") for ink in ("ink-3", "accent-ink")),
    *((state, surface) for state in ("good", "warn", "bad", "violet") for surface in ("paper", "canvas")),
    *((state, f"{state}-soft") for state in ("good", "warn", "bad", "violet")),
    *((ink, f"{state}-soft") for ink in ("ink",) for state in ("good", "bad", "violet")),
    *(("accent-ink", surface) for surface in SURFACES),
    ("violet", "user"),
    ("ink-3", "user"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-bad", "bad"),
    ("paper", "ink"),
]
# Edges of fields, focus rings and marks that mean something: 3 to 1.
SHAPES = [
    *(("edge", surface) for surface in SURFACES),
    *(("accent", surface) for surface in (*SURFACES, "accent-soft", "user")),
    *(
        (state, surface)
        for state in ("good", "warn", "bad", "violet")
        for surface in ("paper", "canvas", "sunken")
    ),
]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "surface"), TEXT)
def test_text_is_readable_on_its_background(theme, ink, surface):
    table = tokens(theme)
    assert contrast(table[ink], table[surface]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "surface"), SHAPES)
def test_shapes_that_mean_something_are_seen(theme, shape, surface):
    table = tokens(theme)
    assert contrast(table[shape], table[surface]) >= 3


def test_contrast_is_computed_as_the_standard_says():
    assert contrast((1, 1, 1), (0, 0, 0)) == pytest.approx(21)
    assert contrast((0x77 / 255,) * 3, (1, 1, 1)) == pytest.approx(4.48, abs=0.005)


def sheets() -> list[Path]:
    return [path for path in CSS.glob("*.css") if path.name != "tokens.css"]


@pytest.mark.parametrize("sheet", sheets(), ids=lambda path: path.name)
def test_only_the_tokens_name_colours(sheet):
    # light-dark() in place is for what no token could be named after, such as the selection.
    text = re.sub(r"light-dark\([^()]*\)", "", re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL))
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|\b(?:rgb|hsl)a?\(", text) == []


@pytest.mark.parametrize("sheet", sheets(), ids=lambda path: path.name)
def test_every_token_that_is_used_exists(sheet):
    known = set(re.findall(r"(--[a-z0-9-]+):", (CSS / "tokens.css").read_text()))
    text = sheet.read_text()
    local = set(re.findall(r"(--[a-z0-9-]+):", text))
    assert set(re.findall(r"var\((--[a-z0-9-]+)", text)) - known - local == set()


@pytest.mark.parametrize("sheet", sheets(), ids=lambda path: path.name)
def test_layout_is_logical_so_that_it_turns_around_for_right_to_left(sheet):
    physical = (
        r"(?<![-\w])(?:margin|padding|border|inset)-(?:left|right|top|bottom)\b|(?<![-\w.])(?:left|right|top|bottom)\s*:"
        r"|(?<![-\w])(?:width|height|min-width|max-width|min-height|max-height)\s*:|text-align:\s*(?:left|right)|float:\s*(?:left|right)"
    )
    text = re.sub(r"@media[^{]*\{", "", sheet.read_text())
    assert re.findall(physical, text) == []


@pytest.mark.parametrize("sheet", [*sheets(), CSS / "tokens.css"], ids=lambda path: path.name)
def test_no_text_is_under_eleven_pixels(sheet):
    text = sheet.read_text()
    sizes = re.findall(r"(?:font-size:|font:[^;]*?|--t-[a-z0-9]+:)\s*([.\d]+)(rem|px)", text)
    pixels = [float(number) * (16 if unit == "rem" else 1) for number, unit in sizes]
    assert all(size >= 11 for size in pixels)
    if sheet.name == "tokens.css":
        assert min(pixels) == 11
