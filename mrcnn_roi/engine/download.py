"""Fetching the COCO weights that Matterport published."""

from __future__ import annotations

import os
import shutil
import urllib.request
from pathlib import Path

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"


def download_trained_weights(coco_model_path, verbose=1):
    """Downloads the COCO weights to coco_model_path; the file appears when it is whole.

    Raises OSError (urllib.error.URLError) when the network or the disk refuses.
    """
    path = Path(os.fspath(coco_model_path))
    if verbose > 0:
        print(f"Downloading pretrained model to {path} ...")
    temporary = path.with_name(f".{path.name}.part")
    try:
        with urllib.request.urlopen(COCO_MODEL_URL) as response, open(temporary, "wb") as out:
            shutil.copyfileobj(response, out)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if verbose > 0:
        print("... done downloading pretrained model!")
