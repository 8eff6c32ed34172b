"""The preflight on generated data: images a second, peak memory, how cost grows; against pycocotools and a plain loop.

    python benchmarks/preflight.py [--sizes 1000 10000 100000] [--full 600] [--rounds 3] [--folder runs/benchmark]

Every figure is of a fresh process, so that memory is its own. JPEGs of 1024x768 with 10 polygons of 12 points each.

    config    seconds of `mrcnn-roi check --config` without data, and whether TensorFlow was imported
    fast      load_dataset and preflight(fast=True): headers and annotations; rival: pycocotools' COCO(file) alone,
              which reads no image
    full      load_dataset and preflight: every image decoded, every mask measured; rival: a plain loop in one process
              with Pillow and annToMask, the area and box of each mask. A second time it comes from the cache.

Peak memory: of the process itself, and of its largest worker (which shares most of its pages with it).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SETTINGS = "NAME: benchmark\nNUM_CLASSES: 4\nIMAGE_MIN_DIM: 768\nIMAGE_MAX_DIM: 1024\nIMAGES_PER_GPU: 1\n"


def picture(rng, quality: int) -> bytes:
    blocks = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.kron(blocks, np.ones((16, 16, 1), np.uint8))).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def polygon(rng) -> np.ndarray:
    x, y, radius = rng.uniform(80, 940), rng.uniform(80, 680), rng.uniform(15, 75)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1).round(2)


def generate(folder: Path, count: int, quality: int = 60) -> Path:
    """A COCO file of `count` images, written once."""
    target = folder / f"{count}-{quality}" / "annotations.json"
    if target.exists():
        return target
    rng = np.random.default_rng(0)
    (target.parent / "images").mkdir(parents=True, exist_ok=True)
    pictures = [picture(rng, quality) for _ in range(20)]
    images, annotations = [], []
    for i in range(count):
        name = f"{i:06d}.jpg"
        (target.parent / "images" / name).write_bytes(pictures[i % 20] + i.to_bytes(4, "big"))
        images.append({"id": i + 1, "file_name": name, "width": 1024, "height": 768})
        for _ in range(10):
            points = polygon(rng)
            (x, y), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": int(rng.integers(1, 4)),
                    "iscrowd": 0,
                    "bbox": [x, y, round(right - x, 2), round(bottom - y, 2)],
                    "segmentation": [points.ravel().tolist()],
                }
            )
    categories = [{"id": i, "name": f"class {i}"} for i in (1, 2, 3)]
    target.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return target


def preflight_of(path: str, fast: bool) -> None:
    from mrcnn_roi.config import Config
    from mrcnn_roi.datasets import load_dataset
    from mrcnn_roi.preflight import preflight

    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(SETTINGS)
        file.flush()
        config = Config.from_yaml(file.name)
    dataset = load_dataset(path)
    findings = preflight(config, dataset, fast=fast)
    errors = [each for each in findings if each.severity == 3]
    if errors:
        raise SystemExit(f"unexpected: {errors}")


def pycocotools_load(path: str, _) -> None:
    from pycocotools.coco import COCO

    COCO(path)


def plain_loop(path: str, _) -> None:
    from pycocotools.coco import COCO

    coco = COCO(path)
    for image in coco.dataset["images"]:
        np.asarray(Image.open(os.path.join(os.path.dirname(path), "images", image["file_name"])).convert("RGB"))
        for annotation in coco.imgToAnns[image["id"]]:
            mask = coco.annToMask(annotation)
            mask.sum()
            np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))


WORKS = {"preflight": preflight_of, "pycocotools": pycocotools_load, "plain": plain_loop}


def child(name: str, path: str, fast: bool) -> None:
    """One measurement; prints seconds and megabytes."""
    import pycocotools.coco  # noqa: F401

    import mrcnn_roi.preflight  # noqa: F401 - so that imports are not part of the time

    started = time.perf_counter()
    stdout, sys.stdout = sys.stdout, io.StringIO()
    WORKS[name](path, fast)
    sys.stdout = stdout
    seconds = time.perf_counter() - started
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps([seconds, peak_megabytes(), workers / 1024]))


def peak_megabytes() -> float:
    """Of this process since it was started; getrusage would count what its parent held."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(name: str, path: Path, fast: bool, cache: str) -> list[float]:
    command = [sys.executable, __file__, "--child", name, str(path), str(int(fast))]
    environment = {**os.environ, "MRCNN_ROI_CACHE": cache}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def compare(title: str, path: Path, count: int, fast: bool, rival: str, rounds: int) -> None:
    ours, theirs, cached = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            ours.append(measured("preflight", path, fast, cache))
            theirs.append(measured(rival, path, fast, "off"))
            cached.append(measured("preflight", path, fast, cache))
    (seconds, memory, worker), (their_seconds, their_memory, _) = (
        [statistics.median(column) for column in zip(*rows)] for rows in (ours, theirs)
    )
    again = statistics.median(each[0] for each in cached)
    print(
        f"{title:5} {count:7} images {seconds:7.2f} s = {count / seconds:6.0f} images/s, {memory:5.0f} MB "
        f"(largest worker {worker:.0f}); again {again:.2f} s; {rival} {their_seconds:.2f} s, {their_memory:.0f} MB: "
        f"time ratio {their_seconds / seconds:.2f}, memory ratio {their_memory / memory:.2f}",
        flush=True,
    )


def config_only(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(SETTINGS)
        times = []
        for _ in range(max(rounds, 5)):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "mrcnn_roi", "check", "--config", path], check=True, capture_output=True
            )
            times.append(time.perf_counter() - started)
        probe = "import sys; from mrcnn_roi.cli import app; app(['check', '-c', sys.argv[1]], standalone_mode=False)"
        probe += "; sys.exit('tensorflow' in sys.modules)"
        imported = subprocess.run([sys.executable, "-c", probe, path], capture_output=True).returncode
    print(f"config only: {statistics.median(times):.2f} s for the command; TensorFlow imported: {bool(imported)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--full", type=int, default=600, help="images of the full scan")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, path, fast = arguments.child
        child(name, path, fast == "1")
        return
    config_only(arguments.rounds)
    if arguments.full:
        path = generate(arguments.folder, arguments.full, 90)
        compare("full", path, arguments.full, False, "plain", arguments.rounds)
        print(f"      {len(os.sched_getaffinity(0))} processors")
    for count in arguments.sizes:
        path = generate(arguments.folder, count)
        compare("fast", path, count, True, "pycocotools", arguments.rounds if count < 100_000 else 1)


if __name__ == "__main__":
    main()
