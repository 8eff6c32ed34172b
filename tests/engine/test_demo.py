"""The demo's settings are those of configs/shapes.yaml, and the demo learns."""

from pathlib import Path

import numpy as np
import pytest

from mrcnn_roi.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def test_the_demo_and_its_yaml_agree():
    from mrcnn_roi.engine.demo import ShapesConfig

    ours, file = ShapesConfig().to_dict(), Config.from_yaml(CONFIGS / "shapes.yaml").to_dict()
    assert set(ours) == set(file)
    for name, value in ours.items():
        assert np.array_equal(value, file[name]), name


@pytest.mark.slow
def test_the_demo_learns(tmp_path):
    import contextlib

    from mrcnn_roi.engine.demo import run_demo

    @contextlib.contextmanager
    def no_bar(title, total=None):
        yield lambda *done, **state: None

    result = run_demo(tmp_path, minutes=60, seed=0, say=print, bar=no_bar, show=print)
    assert result.scores["segm"]["AP50"] >= 0.7
    assert all(picture.is_file() for picture in result.pictures)
