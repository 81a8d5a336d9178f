"""Who walks there: build, skin, hair and clothes. A person keeps all of it over every camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from training.data.synthetic.raster import Colour

COLOURS: dict[str, Colour] = {
    "black": (0.10, 0.10, 0.12),
    "white": (0.93, 0.92, 0.90),
    "grey": (0.52, 0.53, 0.55),
    "navy": (0.13, 0.18, 0.36),
    "blue": (0.16, 0.38, 0.74),
    "light blue": (0.55, 0.74, 0.90),
    "teal": (0.07, 0.48, 0.48),
    "green": (0.18, 0.48, 0.24),
    "olive": (0.40, 0.42, 0.22),
    "yellow": (0.94, 0.78, 0.22),
    "orange": (0.92, 0.48, 0.14),
    "red": (0.78, 0.14, 0.16),
    "burgundy": (0.42, 0.08, 0.16),
    "pink": (0.93, 0.60, 0.70),
    "purple": (0.44, 0.26, 0.58),
    "brown": (0.40, 0.26, 0.17),
    "beige": (0.80, 0.71, 0.56),
}
LOWER_COLOURS = ("black", "grey", "navy", "blue", "light blue", "olive", "brown", "beige", "white", "burgundy")
SKINS: tuple[Colour, ...] = (
    (0.96, 0.80, 0.70),
    (0.90, 0.72, 0.58),
    (0.80, 0.60, 0.45),
    (0.66, 0.46, 0.33),
    (0.48, 0.32, 0.23),
    (0.34, 0.22, 0.17),
)
HAIRS: tuple[Colour, ...] = (
    (0.08, 0.07, 0.07),
    (0.17, 0.11, 0.08),
    (0.33, 0.20, 0.11),
    (0.52, 0.34, 0.17),
    (0.80, 0.64, 0.36),
    (0.56, 0.22, 0.10),
    (0.66, 0.66, 0.67),
)

Upper = Literal["T-shirt", "shirt", "sweater", "hoodie", "jacket", "puffer jacket", "coat", "vest top"]
Lower = Literal["trousers", "jeans", "leggings", "wide trousers", "shorts", "skirt", "long skirt"]
Pattern = Literal["plain", "stripes", "pinstripes", "checks", "logo", "band", "dots", "yoke"]
Hair = Literal["short", "bald", "bob", "long", "ponytail", "bun", "curls"]
Hat = Literal["none", "cap", "beanie", "brimmed hat", "headscarf"]
Bag = Literal["none", "backpack", "shoulder bag", "tote", "suitcase"]

UPPERS: tuple[Upper, ...] = ("T-shirt", "shirt", "sweater", "hoodie", "jacket", "puffer jacket", "coat", "vest top")
LOWERS: tuple[Lower, ...] = ("trousers", "jeans", "leggings", "wide trousers", "shorts", "skirt", "long skirt")
PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "pinstripes", "checks", "logo", "band", "dots", "yoke")
BAGS: tuple[Bag, ...] = ("none", "backpack", "shoulder bag", "tote", "suitcase")


@dataclass(frozen=True, slots=True)
class Person:
    """One drawn person. height: metres. build: width against the average. hips: of the pelvis against the shoulders.
    Colours are names in COLOURS, except skin and hair colour, which are RGB in [0, 1]."""

    number: int
    height: float
    build: float
    hips: float
    skin: Colour
    hair: Hair
    hair_colour: Colour
    beard: bool
    glasses: bool
    hat: Hat
    hat_colour: str
    upper: Upper
    upper_colour: str
    second_colour: str
    pattern: Pattern
    inner_colour: str
    open_front: bool
    lower: Lower
    lower_colour: str
    shoes_colour: str
    bag: Bag
    bag_colour: str
    scarf_colour: str | None

    def attributes(self) -> dict[str, str]:
        """What a witness would say; flat, as the service's entries take it."""
        return {
            "upper": self.upper,
            "upper_colour": self.upper_colour,
            "pattern": self.pattern,
            "lower": self.lower,
            "lower_colour": self.lower_colour,
            "bag": self.bag,
            "hat": self.hat,
        }


def draw_people(count: int, seed: int) -> list[Person]:
    """`count` people. No two share upper colour, lower colour and bag; up to 170, no two share both colours."""
    if count < 1:
        raise ValueError(f"people is {count}; allowed: 1 and above")
    rng = np.random.default_rng((seed, 0))
    pairs = [(u, low) for u in COLOURS for low in LOWER_COLOURS]
    outfits: list[tuple[str, str]] = []
    while len(outfits) < count:
        outfits += [pairs[i] for i in rng.permutation(len(pairs))]
    return [_person(i + 1, outfits[i], i // len(pairs), np.random.default_rng((seed, 0, i))) for i in range(count)]


def _person(number: int, outfit: tuple[str, str], turn: int, rng: np.random.Generator) -> Person:
    upper_colour, lower_colour = outfit
    curvy = rng.random() < 0.5
    upper = UPPERS[int(rng.choice(len(UPPERS), p=(0.2, 0.13, 0.13, 0.13, 0.17, 0.08, 0.1, 0.06)))]
    lower = LOWERS[int(rng.choice(len(LOWERS), p=(0.26, 0.26, 0.1, 0.08, 0.1, 0.11, 0.09)))]
    if not curvy and lower in ("skirt", "long skirt", "leggings"):
        lower = "jeans"
    jacket = upper in ("jacket", "coat", "puffer jacket")
    pattern: Pattern = "plain" if jacket and rng.random() < 0.7 else PATTERNS[int(rng.integers(len(PATTERNS)))]
    bag_shares = np.roll((0.34, 0.24, 0.17, 0.15, 0.10), turn)
    hat: Hat = _pick(rng, ("none", "cap", "beanie", "brimmed hat", "headscarf"), (0.66, 0.13, 0.09, 0.06, 0.06))
    hair: Hair = (
        _pick(rng, ("bob", "long", "ponytail", "bun", "curls", "short"), (0.2, 0.28, 0.2, 0.12, 0.1, 0.1))
        if curvy
        else _pick(rng, ("short", "bald", "curls", "long", "bun"), (0.68, 0.12, 0.12, 0.04, 0.04))
    )
    others = [name for name in COLOURS if name != upper_colour]
    contrast = sorted(others, key=lambda name: -_distance(COLOURS[name], COLOURS[upper_colour]))[:9]
    return Person(
        number=number,
        height=float(np.clip(rng.normal(1.66 if curvy else 1.78, 0.07), 1.5, 1.98)),
        build=float(np.clip(rng.normal(1.0, 0.13), 0.82, 1.35)),
        hips=float(rng.uniform(1.02, 1.18) if curvy else rng.uniform(0.9, 1.0)),
        skin=SKINS[int(rng.integers(len(SKINS)))],
        hair=hair,
        hair_colour=HAIRS[int(rng.choice(len(HAIRS), p=(0.26, 0.22, 0.17, 0.12, 0.1, 0.05, 0.08)))],
        beard=bool(not curvy and rng.random() < 0.3),
        glasses=bool(rng.random() < 0.2),
        hat=hat,
        hat_colour=str(rng.choice(list(COLOURS))),
        upper=upper,
        upper_colour=upper_colour,
        second_colour=str(rng.choice(contrast)),
        pattern=pattern,
        inner_colour=str(rng.choice(others)),
        open_front=bool(jacket and rng.random() < 0.55),
        lower=lower,
        lower_colour=lower_colour,
        shoes_colour=str(rng.choice(["black", "white", "brown", "grey", "red", "beige", "navy"])),
        bag=_pick(rng, BAGS, tuple(float(s) for s in bag_shares)),
        bag_colour=str(rng.choice([name for name in COLOURS if name != upper_colour])),
        scarf_colour=str(rng.choice(others)) if jacket and rng.random() < 0.25 else None,
    )


_Choice = TypeVar("_Choice")


def _pick(rng: np.random.Generator, options: Sequence[_Choice], shares: Sequence[float]) -> _Choice:
    return options[int(rng.choice(len(options), p=shares))]


def _distance(one: Colour, other: Colour) -> float:
    return float(np.hypot.reduce(np.subtract(one, other)))
