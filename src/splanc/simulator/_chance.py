"""Chance as a function: the same keys give the same numbers on every machine, in any order and any grouping.

Only integer arithmetic and exactly rounded floating point operations are used, so no bit depends on a CPU or a library.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Key = int | npt.NDArray[np.integer]
"""What a number is drawn for: integers or integer arrays, which broadcast."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
"""Increment of the splitmix64 generator: 2^64 over the golden ratio, odd."""


class Purpose(IntEnum):
    """What a draw is for, so that different uses of the same keys are independent."""

    CENTRE_RA = 1
    CENTRE_DEC = 2
    OFFSET_AZIMUTH = 3
    OFFSET_RADIUS = 4
    MOTION_AZIMUTH = 5
    MOTION_RATE = 6
    DEPTH = 7
    HAS_HISTORY = 8
    LAW = 9
    BRIGHTNESS = 10
    PERIOD = 11
    PHASE = 12
    NOISE_LEVEL = 13
    TEMPLATE = 14
    NULL_TIMES = 15
    PROTOTYPE = 16
    DETECTOR = 17
    ERROR = 18
    NOISE = 19
    FLOOR = 20
    JITTER = 21
    PIXEL_X = 22
    PIXEL_Y = 23
    PROCESSED = 24
    RELIABILITY = 25
    RECUR = 26
    ORDER = 27
    REPEAT = 28
    DAMAGE = 29
    DAMAGE_KIND = 30
    DAMAGE_PLACE = 31
    REASON = 32
    ORBIT = 33
    ROLE = 34
    HOST = 35
    HOST_RADIUS = 36
    HOST_AZIMUTH = 37


def bits(*keys: Key) -> npt.NDArray[np.uint64]:
    """Return 64 random bits for each combination of keys (splitmix64's finaliser, Steele et al. 2014, chained over the keys)."""
    state = np.zeros(1, np.uint64)
    for key in keys:
        state = state + _STEP ^ np.atleast_1d(np.asarray(key, np.int64)).view(np.uint64)
        state = mix(state)
    return state


def mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a bijection of 64-bit integers that scatters them.

    >>> hex(mix(np.array([0x9E3779B97F4A7C15], np.uint64))[0])
    '0xe220a8397b1dcdaf'
    """
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def uniform(*keys: Key) -> npt.NDArray[np.float64]:
    """Return uniform numbers in [0, 1)."""
    return (bits(*keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(*keys: Key) -> npt.NDArray[np.float64]:
    """Return nearly normal numbers, mean 0 and variance 1: a scaled sum of four uniform ones, so at most 3.5 from the mean."""
    drawn = bits(*keys)
    total = np.zeros(drawn.shape)
    for shift in (0, 16, 32, 48):
        total += ((drawn >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float64)
    return (total / 65_536 - 2.0) * math.sqrt(3)


def below(bound: int, *keys: Key) -> npt.NDArray[np.int64]:
    """Return integers in [0, bound), bound small against 2^32."""
    return ((bits(*keys) >> np.uint64(32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)


def choose(population: int, count: int, *keys: int) -> npt.NDArray[np.int64]:
    """Return `count` different integers below `population`, in random order."""
    return np.argsort(bits(*keys, np.arange(population)), kind="stable")[:count]
