"""A script of Matterport's time runs, through `mrcnn-roi run` unchanged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = Path(__file__).parent / "balloon.py"


def draw_balloons(folder, count, seed):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    annotations = {}
    for i in range(count):
        image = np.full((80, 100, 3), 60, np.uint8)
        y, x = rng.integers(20, 50, 2)
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ys, xs = (y + 15 * np.sin(angle)).astype(int), (x + 12 * np.cos(angle)).astype(int)
        image[y - 12 : y + 12, x - 10 : x + 10] = (220, 40, 40)
        Image.fromarray(image).save(folder / f"b{i}.jpg")
        shape = {"name": "polygon", "all_points_x": xs.tolist(), "all_points_y": ys.tolist()}
        region = {"shape_attributes": shape, "region_attributes": {}}
        regions = {"0": region} if i % 2 else [region]
        annotations[f"b{i}.jpg123"] = {"filename": f"b{i}.jpg", "size": 123, "regions": regions}
    (folder / "via_region_data.json").write_text(json.dumps(annotations))


def test_a_balloon_script_trains_and_detects(tmp_path):
    draw_balloons(tmp_path / "data" / "train", 3, 0)
    draw_balloons(tmp_path / "data" / "val", 2, 1)
    (tmp_path / "logs").mkdir()
    command = [sys.executable, "-m", "mrcnn_roi", "run", str(SCRIPT), str(tmp_path / "data"), str(tmp_path / "logs")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Starting at epoch 0" in done.stdout
    assert "AP " in done.stdout
    assert (tmp_path / "logs" / "mask_rcnn_balloon.h5").is_file()
