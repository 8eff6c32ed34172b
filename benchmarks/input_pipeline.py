"""The input pipeline: two workers against one, what a worker takes of memory, and how long the trainer waits.

    python benchmarks/input_pipeline.py [--rounds 5] [--samples 60] [--steps 12] [--skip-training]

Images of 640x480 pixels with 10 ellipses each lie on disk as JPEGs, the ellipses as COCO polygons; the network input
is 1024x1024 ("square") with mini masks and 261888 anchors, batches of two. `by the pipeline` counts whole samples as
the trainer gets them: from worker processes, through shared memory, stacked to batches, as tensors. The workers are
started and have filled what they make ahead before the clock starts. One and two workers are timed in turns; the ratio
is of medians.

Memory is what a worker has for itself (private pages; the rest it shares with the trainer), the largest that was seen
while it made samples of 100 instances of 1024x1024.

Waiting: training steps of a ResNet50 at 512x512, batches of two, one worker: the share of the time in which the trainer
waits for its next batch.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn_roi.config import Config
from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.datasets.outlines import ellipse

RATIO, MEMORY, WAITING = 1.8, 600, 0.05  # the aims


class PipelineConfig(Config):
    NAME = "pipeline"
    NUM_CLASSES = 1 + 3
    SEED = 1


class TrainingConfig(PipelineConfig):
    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    WORKERS = 1


def made(folder: str, images: int, height: int, width: int, objects: int):
    """A dataset of smooth random pictures with ellipses of 16 to 400 pixels."""
    rng, target = np.random.default_rng(0), Path(folder)
    target.mkdir()
    categories = [{"id": k, "name": f"class {k}"} for k in (1, 2, 3)]
    content: dict = {"images": [], "annotations": [], "categories": categories}
    for number in range(images):
        coarse = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(target / f"{number}.jpg", quality=90)
        content["images"].append({"id": number, "file_name": f"{number}.jpg", "height": height, "width": width})
        for _ in range(objects):
            ry, rx = np.exp(rng.uniform(np.log(8), np.log(200), 2))
            ry, rx = min(ry, height / 2 - 1), min(rx, width / 2 - 1)
            outline = ellipse(rng.uniform(rx, width - rx), rng.uniform(ry, height - ry), rx, ry)
            content["annotations"].append(
                {
                    "id": len(content["annotations"]),
                    "image_id": number,
                    "category_id": int(rng.integers(1, 4)),
                    "segmentation": [[round(value, 2) for value in outline]],
                }
            )
    (target / "annotations.json").write_text(json.dumps(content))
    return load_dataset(target / "annotations.json")


def samples_a_second(dataset, config, workers: int, count: int) -> float:
    """Of the pipeline with that many workers, once it runs."""
    from mrcnn_roi.inputs.pipeline import Batches

    source = Batches(dataset, config, workers=workers, seed=0)
    batches = iter(source.as_dataset())
    for _ in range(8):  # what was made before the first was asked for, and memory that is new
        next(batches)
    started = time.perf_counter()
    for _ in range(count // config.BATCH_SIZE):
        next(batches)
    seconds = time.perf_counter() - started
    source.close()
    return count / seconds


def private_megabytes(process: int) -> float:
    """Memory that a process shares with no other."""
    with open(f"/proc/{process}/smaps_rollup") as file:
        pages = [line.split() for line in file if line.startswith("Private")]
    return sum(int(row[1]) for row in pages) / 1024


def worker_memory(dataset, config, count: int) -> float:
    """The most private memory in MB that the worker has while it makes `count` samples, looked at every 2 ms."""
    from mrcnn_roi.inputs.pipeline import Batches

    before = set(children())
    stream = iter(Batches(dataset, config, workers=1, seed=0))
    next(stream)
    (worker,) = set(children()) - before
    seen, done = [0.0], threading.Event()

    def look():
        while not done.wait(0.002):
            seen.append(private_megabytes(worker))

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(count // config.BATCH_SIZE):
        next(stream)
    done.set()
    thread.join()
    stream.close()
    return max(seen)


def children() -> list[int]:
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as file:
        own = file.read().split()
    for task in os.listdir(f"/proc/{os.getpid()}/task"):
        with open(f"/proc/{os.getpid()}/task/{task}/children") as file:
            own += file.read().split()
    return sorted(set(map(int, own)))


def waiting_share(dataset, config, steps: int) -> tuple[float, float]:
    """(share of the time that the trainer waits for data, seconds a step)."""
    from mrcnn_roi.engine.mask_rcnn import MaskRCNN
    from mrcnn_roi.inputs.pipeline import Batches

    with tempfile.TemporaryDirectory() as folder:
        model = MaskRCNN("training", config, folder)
        model.set_trainable(".*", verbose=0)
        model.compile(config.LEARNING_RATE, config.LEARNING_MOMENTUM)
        batches = iter(Batches(dataset, config, seed=0).as_dataset())
        for batch in itertools.islice(batches, 2):
            model.keras_model.train_on_batch(batch)
        waited, started = 0.0, time.perf_counter()
        for _ in range(steps):
            before = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - before
            model.keras_model.train_on_batch(batch)
        whole = time.perf_counter() - started
    return waited / whole, whole / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=60, help="timed a round")
    parser.add_argument("--steps", type=int, default=12, help="of training")
    parser.add_argument("--skip-training", action="store_true")
    options = parser.parse_args()
    config = PipelineConfig()
    with tempfile.TemporaryDirectory() as folder:
        dataset, crowded = made(f"{folder}/10", 40, 480, 640, 10), made(f"{folder}/100", 8, 1024, 1024, 100)
        speeds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(options.rounds):
            for workers, found in speeds.items():
                found.append(samples_a_second(dataset, config, workers, options.samples))
        one, two = (statistics.median(found) for found in speeds.values())
        print(f"{os.cpu_count()} processors")
        print(f"by the pipeline, one worker   {one:6.1f} samples/s")
        print(f"by the pipeline, two workers  {two:6.1f} samples/s: {two / one:.2f} times as fast (aim {RATIO})")
        used = worker_memory(crowded, config, 24)
        print(f"private memory of a worker, 100 instances of 1024x1024: {used:.0f} MB (aim {MEMORY})")
        if not options.skip_training:
            share, seconds = waiting_share(dataset, TrainingConfig(), options.steps)
            print(f"the trainer waits {share:.2%} of its time (aim {WAITING:.0%}); {seconds:.2f} s a step at 512x512")


if __name__ == "__main__":
    main()
