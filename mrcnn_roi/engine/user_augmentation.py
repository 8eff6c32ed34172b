"""What --augment means: recipes by name, or an object of the user's own, whose code is run.

Only the command line comes here; nothing that a config file or a run folder holds is ever run. No TensorFlow, but in
`recorder`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

from mrcnn_roi.inputs.augmentations import augmentation
from mrcnn_roi.ops.augment import augmentation_name


def augmentation_of(text: str | None, config=None):
    """The augmentation of --augment: "flip,scale=0.8..1.25", "module.py:name" or "package.module:name"; None for none.

    A name stands for a callable (image, masks, rng), an albumentations transform or an imgaug augmenter. Raises
    ValueError where it cannot be found or is none of these, and whatever the module raises.
    """
    if text is None:
        return None
    module, colon, name = text.rpartition(":")
    if not colon:
        return augmentation(text, config)
    if not module or not name.isidentifier():
        raise ValueError(f"expected module.py:name, package.module:name or names such as flip,scale, received {text!r}")
    found = getattr(_module(module), name, None)
    if not (callable(found) or hasattr(found, "augment_image")):
        what = "nothing of that name" if found is None else f"{name}, of type {type(found).__name__}"
        raise ValueError(f"expected a function or an augmenter {name!r} in {module}, found {what}")
    if isinstance(found, type):
        raise ValueError(f"expected an object in {text}, found the class {name}: write {name.lower()} = {name}(...)")
    return found


def recorded(text: str | None, augmentation) -> str:
    """What a run folder says of an augmentation: what was asked for, and for recipes every value."""
    if text is None:
        return "none"
    return text if ":" in text else augmentation_name(augmentation)


def recorder(model, text: str | None, augmentation):
    """A Keras callback that notes the augmentation in the run folder when training begins."""
    import keras

    from mrcnn_roi.engine.run_folder import note_augmentation

    first, said = model.epoch + 1, recorded(text, augmentation)
    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: note_augmentation(model.log_dir, first, said))


def _module(name: str):
    """The module of a file, or of a name that Python finds from the working folder."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or importing it asks the network for its newest version
    path = Path(name)
    folder = str(path.resolve().parent) if path.suffix == ".py" else os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as for a script, so that it finds the modules beside it
    if path.suffix != ".py":
        return _imported(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"expected the file of an augmentation, found none at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # processes that are sent its functions look them up there
    spec.loader.exec_module(module)
    return module


def _imported(name: str):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # one that the module itself needs
        raise ValueError(f"expected a module {name}, or a file ending in .py: {error}") from None
