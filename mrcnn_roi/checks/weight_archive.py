"""The header of a ".keras" archive: a zip file with metadata.json, config.json and model.weights.h5.

Only the list of its members and config.json, plain JSON of limited size, are read; nothing is deserialized. Layers
are loaded from such a file by name, so the names and shapes that config.json tells are what the checks need.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path

from mrcnn_roi.checks.weight_file import DOWNLOAD, EXPECTED, SIGNATURE, first_bytes, foreign, unreadable
from mrcnn_roi.checks.weight_shapes import NORM_WEIGHTS, Weight, Weights

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
LARGEST_CONFIG = 2**22  # bytes; that of a ResNet101 model takes 400 KiB
CHANNELS_FIRST = ("Conv2DTranspose", "PerRoiConv2DTranspose")  # the kernel is (height, width, filters, received)


def archive_layers(path: Path) -> Weights:
    """{layer: [(weight name, shape)]} of the model in a ".keras" archive, layers without weights included; {} where
    config.json does not tell them.

    Raises SetupError "w-file-unreadable" for a file that is no such archive, or one that is cut off or damaged.
    """
    head, size = first_bytes(path)
    if head.startswith(SIGNATURE):
        raise unreadable(path, "is HDF5, not a .keras archive", "name it *.h5 (*.weights.h5 if Keras 3 wrote it)")
    if not head.startswith(b"PK"):
        raise unreadable(path, *foreign(head, size))
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [name for name in MEMBERS if name not in archive.namelist()]
            text = b"" if missing else _config_text(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        what = f"is a zip archive that is truncated or damaged ({size / 1e6:.1f} MB: {str(error)[:100]})"
        raise unreadable(path, what, f"{DOWNLOAD}, or save the model again") from error
    if missing:
        raise unreadable(path, f"is a zip archive without {', '.join(missing)}, no saved model", f"pass {EXPECTED}")
    try:
        return _layers(json.loads(text)["config"]["layers"]) if text else {}
    except (KeyError, TypeError, AttributeError, IndexError):  # a model of another kind
        return {}
    except (ValueError, RecursionError) as error:
        what = f"is a damaged .keras archive: its config.json is no JSON ({str(error)[:100]})"
        raise unreadable(path, what, f"{DOWNLOAD}, or save the model again") from error


def _config_text(archive: zipfile.ZipFile) -> bytes:
    """config.json, empty where it is too large to look at. Raises BadZipFile where a member is not all there."""
    for name in MEMBERS:
        member = archive.getinfo(name)
        if member.header_offset + member.compress_size > archive.start_dir:
            raise zipfile.BadZipFile(f"{name} is cut off")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others can take any memory
            raise zipfile.BadZipFile(f"{name} is packed as no .keras archive is")
    with archive.open("model.weights.h5") as weights:
        if weights.read(len(SIGNATURE)) != SIGNATURE:
            raise zipfile.BadZipFile("model.weights.h5 is not HDF5")
    with archive.open("config.json") as config:
        text = config.read(LARGEST_CONFIG + 1)
    return text if len(text) <= LARGEST_CONFIG else b""


def _layers(listed: list[dict]) -> Weights:
    return {str(layer["config"]["name"]): _weights(layer) for layer in listed}


def _weights(layer: dict) -> list[Weight]:
    """The weights of a layer by its configuration, of a nested model those of all its layers."""
    own = layer["config"]
    if "layers" in own:
        return [weight for inner in own["layers"] for weight in _weights(inner)]
    if not ("filters" in own or "units" in own or layer["class_name"].startswith("BatchNorm")):
        return []
    received = layer["build_config"]["input_shape"][-1]
    if layer["class_name"].startswith("BatchNorm"):
        return [(f"{own['name']}/{weight}", (received,)) for weight in NORM_WEIGHTS]
    given = own["filters"] if "filters" in own else own["units"]
    sides = (given, received) if layer["class_name"] in CHANNELS_FIRST else (received, given)
    kernel = (*own.get("kernel_size", ()), *sides)
    if not all(isinstance(side, int) for side in kernel):
        raise TypeError
    bias = [(f"{own['name']}/bias", (given,))] if own.get("use_bias", True) else []
    return [(f"{own['name']}/kernel", kernel), *bias]
