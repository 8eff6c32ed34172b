"""Config: every setting of the data, the network and the training, with its meaning.

Subclass it and override what differs; the rest of the body is the manual.

    class BalloonConfig(Config):
        NAME = "balloon"
        NUM_CLASSES = 1 + 1
        IMAGES_PER_GPU = 1

    config = BalloonConfig()      # SetupError, with all mistakes at once, when something cannot work

Or write the same as a YAML file and read it with `Config.from_yaml("balloon.yaml")`. The names and the
defaults are those of Matterport's Mask R-CNN, commit 3deaec5; the additions are marked as such.
"""

from __future__ import annotations

import functools
import inspect
import keyword
import os
import re
import textwrap
import types
import typing
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from mrcnn_roi.checks.config import derived_values, silence
from mrcnn_roi.checks.config.schema import DERIVED
from mrcnn_roi.checks.python_values import python_value
from mrcnn_roi.checks.values import flat_list, int_pair, is_int, number, plain, show
from mrcnn_roi.findings import Finding, SetupError, Severity, run_checks


@dataclass(frozen=True)
class Range:
    """The numbers a setting may take, both ends included."""

    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True)
class CheckedBy:
    """The code of the check that judges a setting; without one, cfg-type and cfg-range do, by type and
    Range."""

    code: str


@dataclass(frozen=True)
class Field:
    """One setting as `Config.fields()` describes it. `accepts` are its types, NoneType for None."""

    name: str
    accepts: tuple[type, ...]
    default: Any
    low: float
    high: float
    checked_by: str | None


class Config:
    """The settings of one experiment. Attributes of your own beside these are fine, and so are properties.

    `Config()` computes BATCH_SIZE, IMAGE_SHAPE and IMAGE_META_SIZE and raises SetupError when a check of
    group "config" finds an error. After assigning attributes call `finalize()` to compute them again and
    `validate()` to have everything checked again.
    """

    # ---- the run ---------------------------------------------------------------------------------------

    # Name of the experiment. It names the log folder and the checkpoint files. Letters, digits, "_" and
    # "-", so that the epoch can be read back from a checkpoint's path. You must set it.
    NAME: Annotated[str | None, CheckedBy("cfg-name-missing")] = None

    # Number of GPUs to train on. Use 1 for the CPU.
    GPU_COUNT: Annotated[int, CheckedBy("cfg-gpu-count")] = 1

    # Images in a batch on each GPU. A 12 GB GPU takes two of 1024x1024 pixels; go as high as the memory
    # allows, or down to 1 when it runs out.
    IMAGES_PER_GPU: Annotated[int, CheckedBy("cfg-images-per-gpu")] = 2

    # Training steps (batches) of an epoch. It need not match the number of images: the data start over as
    # often as needed. Checkpoints and validation come after each epoch, so a small number means frequent
    # ones.
    STEPS_PER_EPOCH: Annotated[int, CheckedBy("cfg-steps-zero")] = 1000

    # Validation steps (batches) at the end of each epoch. More make the validation loss steadier and training
    # slower. 0 where there is no validation set.
    VALIDATION_STEPS: Annotated[int, CheckedBy("cfg-steps-zero")] = 50

    # Classes to tell apart, the background included: 1 + the number of your classes. You must set it.
    NUM_CLASSES: Annotated[int, CheckedBy("cfg-num-classes-min")] = 1

    # ---- backbone and pyramid --------------------------------------------------------------------------

    # The network that looks at the image: "resnet50", "resnet101", or (an addition) "tiny", a light one
    # with the same five stages for toy data and quick trials on a CPU. Or a function of yours,
    # f(input_image, stage5=True, train_bn=...) -> [C1, C2, C3, C4, C5]; it may stand in the class body as a
    # plain function, as a staticmethod, or as a method with `self`, or be assigned to the instance.
    BACKBONE: Annotated[str | Callable, CheckedBy("cfg-backbone-name")] = "resnet101"

    # With a BACKBONE function: a function image_shape -> [[height, width], ...], the size of the map of each
    # pyramid level, finest first. Unused otherwise.
    COMPUTE_BACKBONE_SHAPE: Annotated[Callable | None, CheckedBy("cfg-backbone-shape-fn")] = None

    # Pixels of the image per cell of each pyramid level (P2 to P6), finest first. These belong to the
    # backbone: change them only with a BACKBONE function.
    BACKBONE_STRIDES: Annotated[list, CheckedBy("cfg-strides-order")] = [4, 8, 16, 32, 64]

    # Width of the two fully connected layers of the classification head. Trained weights fit 1024 only.
    FPN_CLASSIF_FC_LAYERS_SIZE: Annotated[int, Range(1)] = 1024

    # Channels of the pyramid's maps. Trained weights fit 256 only.
    TOP_DOWN_PYRAMID_SIZE: Annotated[int, Range(1)] = 256

    # ---- anchors and proposals -------------------------------------------------------------------------

    # Side of the square anchor in pixels of the molded image, one for each pyramid level. Choose them to
    # cover the sizes of your objects: for 128x128 images (8, 16, 32, 64, 128).
    RPN_ANCHOR_SCALES: Annotated[tuple, CheckedBy("cfg-scales-positive")] = (32, 64, 128, 256, 512)

    # Width / height of the anchors at each cell: 1 is square, 0.5 twice as high as wide. Add values for
    # very long objects; another number of ratios does not fit trained RPN weights.
    RPN_ANCHOR_RATIOS: Annotated[list, CheckedBy("cfg-ratios-positive")] = [0.5, 1, 2]

    # 1: anchors on every cell of a level; 2: on every second one, which is faster and misses small objects.
    RPN_ANCHOR_STRIDE: Annotated[int, CheckedBy("cfg-anchor-stride")] = 1

    # Of two proposals that overlap more than this (intersection over union) the weaker is dropped. Raise it
    # for crowded images: more proposals are left.
    RPN_NMS_THRESHOLD: Annotated[float, Range(0, 1), CheckedBy("cfg-threshold-range")] = 0.7

    # Anchors of an image that the RPN loss looks at; at most half of them are positive.
    RPN_TRAIN_ANCHORS_PER_IMAGE: Annotated[int, CheckedBy("cfg-rpn-train-anchors")] = 256

    # Best-scored anchors that enter non-maximum suppression. Lower it to save time.
    PRE_NMS_LIMIT: Annotated[int, Range(1)] = 6000

    # Proposals left after non-maximum suppression, in training and in inference.
    POST_NMS_ROIS_TRAINING: Annotated[int, Range(1)] = 2000
    POST_NMS_ROIS_INFERENCE: Annotated[int, Range(1)] = 1000

    # ---- masks of the ground truth ---------------------------------------------------------------------

    # True: keep each ground-truth mask as a small picture of its box, MINI_MASK_SHAPE (height, width)
    # pixels. Saves memory with large images and many objects. False: keep full-size masks, which is exact;
    # only in the modes "square" and "crop".
    USE_MINI_MASK: Annotated[bool, Range(0, 1)] = True
    MINI_MASK_SHAPE: Annotated[tuple, CheckedBy("cfg-mini-mask-shape")] = (56, 56)

    # ---- images ----------------------------------------------------------------------------------------

    # How images are brought to the size the network sees (molded). The aspect ratio is always kept.
    #   "square"  enlarge until the short side is IMAGE_MIN_DIM, shrink until the long side is at most
    #             IMAGE_MAX_DIM, pad with zeros to IMAGE_MAX_DIM x IMAGE_MAX_DIM. The usual choice.
    #   "pad64"   enlarge likewise, no limit above; pad both sides to multiples of 64. Sizes vary: then one
    #             image a batch.
    #   "crop"    enlarge likewise, then a random crop of IMAGE_MIN_DIM x IMAGE_MIN_DIM. Training only.
    #   "none"    as they are; both sides must be multiples of 64, and all of one size within a batch.
    IMAGE_RESIZE_MODE: Annotated[str, CheckedBy("cfg-resize-mode-unknown")] = "square"

    # Pixels, see above. IMAGE_MIN_DIM 0 or None: never enlarge. In "square" mode IMAGE_MAX_DIM must be a
    # multiple of 64, in "crop" and "pad64" mode IMAGE_MIN_DIM.
    IMAGE_MIN_DIM: Annotated[int | None, CheckedBy("cfg-image-dim-type")] = 800
    IMAGE_MAX_DIM: Annotated[int, CheckedBy("cfg-image-dim-type")] = 1024

    # Enlarge images at least by this factor, checked after IMAGE_MIN_DIM; 2 helps with tiny objects. 0: no
    # such minimum. In "square" mode IMAGE_MAX_DIM still wins.
    IMAGE_MIN_SCALE: Annotated[float | None, Range(0)] = 0

    # Channels of the images: 3 for RGB, 1 for grayscale, 4 for RGB-D. With another number than 3 the first
    # convolution (conv1) does not fit trained weights: exclude it and train all layers.
    IMAGE_CHANNEL_COUNT: Annotated[int, Range(1)] = 3

    # Mean of the images, one value a channel in their order (RGB), on their scale (0-255). It is subtracted
    # from every image. One value for all channels will do.
    MEAN_PIXEL: Annotated[np.ndarray, CheckedBy("cfg-channel-mean")] = np.array([123.7, 116.8, 103.9])

    # ---- heads -----------------------------------------------------------------------------------------

    # RoIs of an image the heads are trained on, and the share of them that are objects. The paper uses 512;
    # the RPN seldom gives enough positives for that, and a smaller number keeps the share.
    TRAIN_ROIS_PER_IMAGE: Annotated[int, Range()] = 200
    ROI_POSITIVE_RATIO: Annotated[float, Range(0, 1), CheckedBy("cfg-roi-positive-ratio")] = 0.33

    # Rows and columns each RoI is pooled to, for the class and box head and for the mask head.
    POOL_SIZE: Annotated[int, CheckedBy("cfg-pool-size")] = 7
    MASK_POOL_SIZE: Annotated[int, CheckedBy("cfg-pool-size")] = 14

    # Size of the masks the network predicts: twice MASK_POOL_SIZE, because the mask head doubles it. A mask
    # head of your own may do otherwise; then give the config CUSTOM_MASK_HEAD = True.
    MASK_SHAPE: Annotated[list, CheckedBy("cfg-mask-shape-vs-pool")] = [28, 28]

    # Ground-truth objects of an image; in an image with more, a random choice is used at each step.
    MAX_GT_INSTANCES: Annotated[int, CheckedBy("cfg-max-gt")] = 100

    # Box refinements (dy, dx, log dh, log dw) are divided by these in training and multiplied in inference,
    # for the RPN and for the box head. Trained weights fit these values only.
    RPN_BBOX_STD_DEV: Annotated[np.ndarray, CheckedBy("cfg-bbox-std")] = np.array([0.1, 0.1, 0.2, 0.2])
    BBOX_STD_DEV: Annotated[np.ndarray, CheckedBy("cfg-bbox-std")] = np.array([0.1, 0.1, 0.2, 0.2])

    # ---- detection -------------------------------------------------------------------------------------

    # Objects returned for an image, the best-scored ones.
    DETECTION_MAX_INSTANCES: Annotated[int, Range(1)] = 100

    # Score below which an object is not returned. 0 or None returns everything.
    DETECTION_MIN_CONFIDENCE: Annotated[float | None, Range(0, 1), CheckedBy("cfg-threshold-range")] = 0.7

    # Of two objects of one class that overlap more than this the weaker is dropped.
    DETECTION_NMS_THRESHOLD: Annotated[float, Range(0, 1), CheckedBy("cfg-threshold-range")] = 0.3

    # ---- optimizer and losses --------------------------------------------------------------------------

    # Step size and momentum of stochastic gradient descent. The paper's 0.02 is for 16 images a batch and
    # makes the weights explode here. train() takes the rate as an argument: pass it config.LEARNING_RATE.
    LEARNING_RATE: Annotated[float, CheckedBy("cfg-lr")] = 0.001
    LEARNING_MOMENTUM: Annotated[float, CheckedBy("cfg-momentum")] = 0.9

    # L2 penalty on the weights. It is divided by the size of each weight, so its effect is far weaker than
    # that of the same number elsewhere.
    WEIGHT_DECAY: Annotated[float, CheckedBy("cfg-weight-decay")] = 0.0001

    # Weight of each loss in the total. A loss that is not named weighs 1. Give more to what comes out worst.
    LOSS_WEIGHTS: Annotated[dict, CheckedBy("cfg-loss-weights-key")] = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }

    # True: the heads are trained on the RPN's proposals. False: on boxes given as the input `input_roi`, for
    # experiments with the heads alone.
    USE_RPN_ROIS: Annotated[bool, Range(0, 1)] = True

    # Batch normalization. False: frozen statistics, right for small batches. None: as Keras does it,
    # statistics of the batch in training only. True: statistics of the batch always. Its gamma and beta are
    # trained in any case.
    TRAIN_BN: Annotated[bool | None, Range(0, 1)] = False

    # Gradients are scaled down so that their norm, over all weights together, is at most this. None: no
    # clipping.
    GRADIENT_CLIP_NORM: Annotated[float | None, CheckedBy("cfg-clip-norm")] = 5.0

    # ---- additions to the original ---------------------------------------------------------------------

    # Codes of checks whose warnings and infos you do not want to see, e.g. ("cd-upscale",). Errors are
    # always shown.
    SILENCED_CHECKS: Annotated[tuple, Range()] = ()

    # Channels of the RPN's shared convolution and of the mask head's. Fixed in the original; smaller ones make
    # light models for toy data. Trained weights fit 512 and 256 only.
    RPN_CONV_SIZE: Annotated[int, Range(1)] = 512
    MASK_CONV_SIZE: Annotated[int, Range(1)] = 256

    # How a RoI is pooled from its pyramid level, for both heads.
    #   "crop_and_resize"  one bilinear sample a bin, spread from edge to edge: Matterport's numbers. Keep it with
    #             weights that were trained with it: any Matterport file, COCO's included.
    #   "roi_align"  RoIAlign of the Mask R-CNN paper, torchvision's numbers: nothing is rounded. For training from
    #             the start, or from weights that were trained with it.
    #   "roi_pool"   RoIPool of Fast R-CNN: RoI and bins rounded to whole cells, the largest cell of each bin.
    #   "roi_warp"   RoIAlign of a RoI rounded to whole cells. These two are for comparisons: they misplace masks by
    #             up to half a cell, which is 2 pixels of the image on P2 and 16 on P5.
    ROI_POOL_METHOD: Annotated[str, CheckedBy("cfg-pool-method")] = "crop_and_resize"

    # For "roi_align" and "roi_warp": samples along each side of a bin (2 makes 4 a bin), and what becomes of them,
    # "mean" or "max". 0 or -1: as many samples as the bin is cells long, rounded up; slower, and of use where bins are
    # longer than two cells, as with ROI_POOL_LEVELS = (2,).
    ROI_POOL_SAMPLING_RATIO: Annotated[int, CheckedBy("cfg-pool-sampling")] = 2
    ROI_POOL_AGGREGATE: Annotated[str, CheckedBy("cfg-pool-aggregate")] = "mean"

    # For "roi_align": True lays the edges of pixels on the edges of cells, as Detectron2 does. False, torchvision's
    # default, reads half a cell further down and right: 2 pixels of the image on P2, 16 on P5.
    ROI_POOL_ALIGNED: Annotated[bool, Range(0, 1)] = False

    # Pyramid levels that RoIs are pooled from, out of P2 to P5 (4 to 32 pixels of the image a cell), finest first
    # and without a gap; each RoI takes the one that suits its size. (5,) pools all from P5, as a network without a
    # pyramid would. The RPN uses all levels in any case. Trained weights fit all four.
    ROI_POOL_LEVELS: Annotated[tuple, CheckedBy("cfg-pool-levels")] = (2, 3, 4, 5)

    # ---- how training is fed (additions to the original) --------------------------------------------------

    # Processes that load, resize and augment images ahead of the trainer. None: one for each processor but one, at
    # most 8. 0: the trainer does it itself, between the steps. The batches of a SEED are the same in any case.
    WORKERS: Annotated[int | None, Range(0)] = None

    # How often images come in an epoch.
    #   "uniform"   each once.
    #   "balanced"  those with rare classes more often, sqrt(SAMPLING_THRESHOLD / share) times, where share is that of
    #             the images that hold the class (repeat factor sampling, as for LVIS). Validation stays uniform.
    # SAMPLING_THRESHOLD: the share of images below which a class is rare. None: one over the number of classes.
    SAMPLING: Annotated[str, CheckedBy("cfg-sampling")] = "uniform"
    SAMPLING_THRESHOLD: Annotated[float | None, CheckedBy("cfg-sampling-threshold")] = None

    # Whether decoded and resized images are kept for the next epoch: "off", in "memory", or on "disk" (a file in the
    # user's cache folder that goes with the program). Worth it where decoding takes longer than a training step.
    # An image takes height x width x channels bytes of its molded size. SAMPLE_CACHE_LIMIT: GiB for all of them; what
    # does not fit is loaded every time. Not used in the mode "crop".
    SAMPLE_CACHE: Annotated[str, CheckedBy("cfg-sample-cache")] = "off"
    SAMPLE_CACHE_LIMIT: Annotated[float, Range(0)] = 4.0

    # Seed of the training pipeline (shuffling, augmentation, sampling), a whole number. None: another one each run.
    # Weights that begin at random, and which RoIs the heads learn from, are Keras' and TensorFlow's:
    # keras.utils.set_random_seed before the model is made.
    SEED: Annotated[int | None, Range(0, 2**32 - 1)] = None

    # ---- computed by Config(), do not set --------------------------------------------------------------

    BATCH_SIZE: int  # IMAGES_PER_GPU * GPU_COUNT
    IMAGE_SHAPE: np.ndarray  # [H, W, C]: IMAGE_MAX_DIM, in "crop" mode IMAGE_MIN_DIM, on both sides
    IMAGE_META_SIZE: int  # 12 + NUM_CLASSES

    __places__: typing.ClassVar[dict] = {}  # where a file gave each attribute, for findings

    def __init__(self) -> None:
        errors = self._prepare()._errors_of_construction()
        if errors:
            raise SetupError(errors)

    def _prepare(self) -> Config:
        """What construction does besides checking."""
        for name, call in _FUNCTIONS.items():
            function = inspect.getattr_static(self, name)
            if isinstance(function, types.FunctionType) and not _is_method(function, **call):
                setattr(self, name, function)  # as a plain function: read from the class it would get `self`
        return self.finalize()

    def _errors_of_construction(self) -> list[Finding]:
        errors = [each for each in run_checks("config", config=self) if each.severity == Severity.ERROR]
        return self.locate([each for each in errors if not self._may_come_later(each)])

    def finalize(self) -> Config:
        """Computes BATCH_SIZE, IMAGE_SHAPE and IMAGE_META_SIZE again after attributes were assigned, and
        makes MINI_MASK_SHAPE a tuple. A value whose sources are unusable becomes None; validate() says
        why."""
        values = derived_values(self)
        for name in DERIVED:
            kind = inspect.getattr_static(type(self), name, None)
            if not (isinstance(kind, property) and kind.fset is None):
                setattr(self, name, values.get(name))
        mini = inspect.getattr_static(self, "MINI_MASK_SHAPE")
        pair = int_pair(mini)
        if pair and not isinstance(mini, tuple):
            self.MINI_MASK_SHAPE = pair
        return self

    def validate(self) -> list[Finding]:
        """All findings of the checks of group "config", gravest first, without those silenced by
        SILENCED_CHECKS.

        Unlike Config() it also reports a NAME that is None and a NUM_CLASSES that is 1, the unset defaults.
        """
        return self.locate(silence(run_checks("config", config=self), self))

    def locate(self, findings: list[Finding]) -> list[Finding]:
        """The findings with file, line and column before the attribute in `where`, when a file gave its
        value."""
        return [_with_place(each, self) for each in findings]

    def display(self) -> None:
        """Prints every attribute with its value, as the original does."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print("\n")

    def to_dict(self) -> dict[str, Any]:
        """Every attribute that is neither a function nor private to Python, by name, in the order of
        dir()."""
        names = [name for name in dir(self) if not name.startswith("__")]
        return {name: getattr(self, name) for name in names if not callable(getattr(self, name))}

    @classmethod
    def fields(cls) -> dict[str, Field]:
        """The settings by name, in the order of the manual: types, range, default, and the check in
        charge."""
        return dict(_fields())

    def replaced(self, values: dict[str, Any], without: Iterable[str] = ()) -> Config:
        """A new configuration: what this one has that differs from the defaults, and `values` instead; never
        the names in `without`. Nothing is checked, validate() does that.

        It is a snapshot in the class Config: a property is the value it has now, and one that raises is left out.
        Methods of a subclass are left out too, functions that are settings (BACKBONE) are kept.
        """
        made = Config.__new__(Config)
        kept = {name: value for name, value in {**self._given(), **values}.items() if name not in set(without)}
        for name, value in kept.items():
            setattr(made, name, value)
        return made._prepare()

    def _given(self) -> dict[str, Any]:
        """The settings that differ from the defaults, in the order of the manual, then the attributes of the
        user's own, without functions. Computed ones and those that cannot be read are left out."""
        own = [name for name in dir(self) if not name.startswith("_") and name not in (*_fields(), *DERIVED)]
        given = {}
        for name in (*_fields(), *own):
            try:
                value = getattr(self, name)
            except Exception:  # whatever a user's property raises
                continue
            default = _fields()[name].default if name in _fields() else None
            if not _same(value, default) if name in _fields() else not callable(value):
                given[name] = value
        return given

    @classmethod
    def from_yaml(cls, path: str | os.PathLike, **overrides) -> Config:
        """The configuration a YAML file describes, an instance of a subclass of this class made from it.

        A line `ATTRIBUTE: value` overrides an attribute. `BASE: other.yaml` (relative to the file) takes
        everything else from that file. Precedence: this class < BASE < the file < `overrides`. Lists become
        tuples and arrays where the setting is one. Other names than the settings are attributes of your own;
        validate() warns of them (cfg-unknown-attribute), because a file has no code that could read them. That is
        no error, as in a class: the run works, with the default of the setting that may have been meant. Nothing in
        the file is executed.

        Raises:
            SetupError: with all mistakes at once, each with file, line and column."""
        config, findings = cls.read_yaml(path, **overrides)
        errors = [] if config is None else config._errors_of_construction()
        if config is None or findings or errors:
            raise SetupError([*findings, *errors])
        return config

    @classmethod
    def read_yaml(cls, path: str | os.PathLike, **overrides) -> tuple[Config | None, list[Finding]]:
        """The configuration a YAML file describes, whatever its values are, and what is wrong with the file as
        such: lines that cannot be read, a name given twice, a missing BASE (cfg-yaml).

        For looking at a set-up as a whole: what is wrong with the values validate() and preflight() say, beside
        what is wrong with the data. The configuration is None where the file cannot be read, is no YAML or is
        no list of settings. Arguments and precedence are those of from_yaml.
        """
        made, findings = _class_from_file(cls, Path(path))
        if made is None:
            return None, findings
        if overrides:
            made = _subclass(made, made.__name__, overrides, dict.fromkeys(overrides, "override"))
        try:
            return made(), findings
        except SetupError:
            return made.__new__(made)._prepare(), findings

    @classmethod
    def class_from_yaml(cls, path: str | os.PathLike) -> type[Config]:
        """The subclass a YAML file describes, to be subclassed further; from_yaml tells what a file may hold.

        Raises:
            SetupError: when the file cannot be read. Its values are checked when the class is instantiated.
        """
        made, findings = _class_from_file(cls, Path(path))
        if made is None or findings:
            raise SetupError(findings)
        return made

    def to_yaml(
        self, path: str | os.PathLike, comments: dict[str, str] | None = None, only_changed: bool = False
    ) -> None:
        """Writes every setting and every attribute of yours to a YAML file from which from_yaml makes an
        equal configuration. An attribute of yours that YAML cannot hold becomes a comment.

        comments: text by attribute, written above its line; the text of "" is written above all.
        only_changed: leave out the settings that have their default and no comment.

        Raises:
            ValueError: when a setting is a function or another value YAML cannot hold."""
        Path(path).write_text(_yaml_text(self, comments or {}, only_changed), encoding="utf-8")

    def unwritable(self) -> list[str]:
        """The settings for which to_yaml would raise: functions, and values of kinds that YAML does not have."""
        return [name for name, value in self._given().items() if name in _fields() and not _is_writable(value)]

    def _may_come_later(self, finding: Finding) -> bool:
        """True for errors Config() leaves to validate(): the two unset defaults, and properties that
        cannot be read yet, because the subclass's __init__ goes on after this one."""
        if finding.code == "cfg-name-missing":
            return self.NAME is None
        if finding.code == "cfg-num-classes-min":
            return is_int(self.NUM_CLASSES, 1, 1)
        if finding.code != "cfg-type":
            return False
        try:
            getattr(self, finding.where)
        except Exception:  # whatever a user's property raises
            return True
        return False


def _same(value, default) -> bool:
    """Whether a setting has its default; lists, tuples and arrays of equal numbers are the same."""
    value = plain(value)
    if isinstance(default, (np.ndarray, list, tuple)):
        items, expected = flat_list(value), flat_list(default)
        if items is None or len(items) != len(expected or ()):
            return False
        return all(_same(item, wanted) for item, wanted in zip(items, expected or ()))
    if isinstance(default, int) and not isinstance(default, bool):
        return is_int(value) and value == default
    if isinstance(default, float):
        return number(value) == default
    try:
        return type(value) is type(default) and bool(value == default)
    except Exception:  # a dictionary of arrays, or of whatever cannot be compared
        return False


# How the network calls the functions a Config can hold; tells a plain function in a class body from a method.
_FUNCTIONS: dict[str, dict[str, Any]] = {
    "BACKBONE": {"arguments": (None,), "keywords": {"stage5": True, "train_bn": None}},
    "COMPUTE_BACKBONE_SHAPE": {"arguments": (None,), "keywords": {}},
}


def _is_method(function: Callable, arguments: tuple, keywords: dict) -> bool:
    """True when the function wants the config as its first argument."""
    signature = inspect.signature(function)
    if next(iter(signature.parameters), "") == "self":
        return True

    def accepts(*positional) -> bool:
        try:
            signature.bind(*positional, **keywords)
        except TypeError:
            return False
        return True

    return not accepts(*arguments) and accepts(None, *arguments)


@functools.lru_cache(maxsize=1)
def _fields() -> dict[str, Field]:
    fields = {}
    for name, hint in typing.get_type_hints(Config, include_extras=True).items():
        if name not in vars(Config) or typing.get_origin(hint) is not Annotated:
            continue
        kind, *notes = typing.get_args(hint)
        accepts = typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)
        limits = next((note for note in notes if isinstance(note, Range)), Range())
        code = next((note.code for note in notes if isinstance(note, CheckedBy)), None)
        fields[name] = Field(name, accepts, vars(Config)[name], limits.low, limits.high, code)
    return fields


# ---- YAML files ----------------------------------------------------------------------------------------


@dataclass
class ConfigFile:
    """A YAML file as it was read, by attribute: its value and the places of the value and of the name. `problems`
    are (where, message, fix). `readable` is False where it is no list of attributes at all."""

    path: Path
    readable: bool = True
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)


def _with_place(finding: Finding, config: Config) -> Finding:
    for name in finding.where.split(", "):
        if name in vars(config) and name not in DERIVED:
            continue  # assigned later
        owner = next((each for each in type(config).__mro__ if name in vars(each)), object)
        place = vars(owner).get("__places__", {}).get(name)
        if place:
            return Finding(finding.code, finding.severity, finding.message, finding.fix, f"{place}: {finding.where}")
    return finding


def _class_from_file(cls: type[Config], path: Path, seen: tuple[str, ...] = (), origin: str = ""):
    """(subclass of cls, findings) of a YAML file and its BASE; (None, findings) where it cannot be read. `seen`
    are the files on the way here, `origin` is the place of the BASE line that led here."""
    file = _read_file(path, origin or str(path))
    base, findings = cls, []
    if "BASE" in file.values:
        target, place = file.values.pop("BASE"), file.places.pop("BASE")
        real = os.path.realpath(path)
        usable = isinstance(target, str) and target and "\0" not in target and target.isprintable()
        parent = path.parent / target if usable else None
        if parent is None:
            file.problems.append(
                (place, f"BASE is {show(target)}, expected the path of a YAML file", "BASE: other.yaml")
            )
        elif os.path.realpath(parent) in (*seen, real):
            message = f"BASE: {target} leads back to this file: none of them has a beginning"
            file.problems.append((place, message, "remove one of the BASE lines"))
        else:
            base, findings = _class_from_file(cls, parent, (*seen, real), place)
    findings = [*findings, *run_checks("config", config_file=file)]
    if not file.readable:
        return None, findings
    class_name = "".join(word.capitalize() for word in path.stem.split("_") if word.isidentifier()) or "FileConfig"
    return _subclass(base or cls, class_name, file.values, file.places), findings


def _subclass(base: type[Config], name: str, values: dict[str, Any], places: dict[str, str]) -> type[Config]:
    body = {key: _coerced(key, value) for key, value in values.items()}
    return type(name, (base,), {**body, "__places__": {**base.__places__, **places}, "__module__": __name__})


def _coerced(name: str, value):
    """A list as the tuple or the array the setting is by default; text as the value it is in Python, where the
    setting takes no text."""
    accepts = _fields()[name].accepts if name in _fields() else ()
    if isinstance(value, str) and accepts and str not in accepts:
        try:
            value = python_value(value)
        except ValueError:
            return value
    if isinstance(value, list) and tuple in accepts:
        return tuple(value)
    if isinstance(value, list) and np.ndarray in accepts and all(number(each) is not None for each in value):
        return np.array(value, dtype=float)
    return value


MOST_YAML = 1 << 24  # bytes
MOST_NODES = 100_000  # of a value once its aliases are written out


def _expanded(node, known: dict[int, int]) -> int:
    """How many nodes a value has with its aliases written out; those inside themselves count as endless."""
    from ruamel.yaml import MappingNode, SequenceNode

    if id(node) not in known:
        known[id(node)] = 0  # an alias to what it is in: constructors can do that
        inner = [each for pair in node.value for each in pair] if isinstance(node, MappingNode) else []
        inner = list(node.value) if isinstance(node, SequenceNode) else inner
        known[id(node)] = 1 + sum(_expanded(each, known) for each in inner)
    return known[id(node)]


def _read_file(path: Path, origin: str) -> ConfigFile:
    """The attributes of one YAML file, with everything that is wrong with it as `problems`."""
    from ruamel.yaml import YAML, MappingNode

    file, yaml = ConfigFile(path), YAML(typ="safe", pure=True)
    try:
        if path.exists() and not path.is_file():  # before open: a FIFO would block for ever, a device never end
            raise OSError("it is no regular file")
        if path.stat().st_size > MOST_YAML:
            raise OSError(f"it has {path.stat().st_size} bytes, more than any list of settings")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        file.problems.append((origin, f"cannot read {path}: {error}", "give the path of an existing YAML file"))
        file.readable = False
        return file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ruamel warns about anchors that are used again, which YAML allows
        try:
            root = yaml.compose(content)
        except Exception as error:
            file.problems.append(_yaml_problem(error, str(path)))
            file.readable = False
            return file
        if isinstance(root, MappingNode):
            for key, value in root.value:
                _read_attribute(file, yaml, key, value)
        elif root is not None and root.tag != "tag:yaml.org,2002:null":
            message = "expected lines `ATTRIBUTE: value`, received something else"
            python = re.search(rb"^\s*[A-Za-z_]\w*\s*=", content, re.M)
            fix = "write a colon instead of =, as in NAME: mydata" if python else "write lines such as NAME: mydata"
            file.problems.append((_place(path, root.start_mark), message, fix))
            file.readable = False
    return file


def _read_attribute(file: ConfigFile, yaml, key, value) -> None:
    """Adds one `key: value` of the file's top level to `file`."""
    name, place = key.value, _place(file.path, key.start_mark)
    usable = key.tag == "tag:yaml.org,2002:str" and isinstance(name, str) and name.isidentifier()
    if not usable or keyword.iskeyword(name) or name.startswith("_") or callable(getattr(Config, name, None)):
        message = f"{show(name) if isinstance(name, str) else 'this key'} cannot be the name of a setting"
        file.problems.append((place, message, "use the name of a setting, or another name for an attribute of yours"))
        return
    if name in file.names:
        message = f"{name} is given twice, first at {file.names[name]}: one of the values would be ignored"
        file.problems.append((f"{place}: {name}", message, f"remove one of the two lines of {name}"))
        return
    file.names[name], file.places[name] = place, _place(file.path, value.start_mark)
    try:
        if _expanded(value, {}) > MOST_NODES:
            raise ValueError(f"its aliases stand for more than {MOST_NODES} values")
        file.values[name] = yaml.constructor.construct_document(value)
    except Exception as error:
        file.problems.append(_yaml_problem(error, file.places.pop(name)))


def _place(path: Path, mark) -> str:
    return f"{path}, line {mark.line + 1}, column {mark.column + 1}"


def _yaml_problem(error: Exception, place: str) -> tuple[str, str, str]:
    mark = getattr(error, "problem_mark", None)
    if mark is not None and ", line " not in place:
        place = f"{place}, line {mark.line + 1}, column {mark.column + 1}"
    text = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
    fix = (
        "write plain values: numbers, text, true, false, null, [lists]"
        if ", line " in place
        else "write it as YAML in UTF-8"
    )
    return place, f"not a YAML value that can be read: {' '.join(str(text).split())}", fix


def _yaml_text(config: Config, comments: dict[str, str], only_changed: bool) -> str:
    own = [name for name in config.to_dict() if name.isidentifier() and not name.startswith("_")]
    wanted = {*config._given(), *comments} if only_changed else {*_fields(), *own}
    lines = _yaml_comment(comments.get("", ""))
    for name in dict.fromkeys((*_fields(), *own)):
        if name in DERIVED or name not in wanted:
            continue
        value = getattr(config, name)
        lines += _yaml_comment(comments.get(name, ""))
        try:
            lines.append(f"{name}: {_yaml_value(value)}\n")
        except (TypeError, RecursionError):
            kind = type(value).__name__
            if name in _fields():
                message = f"expected a {name} that YAML can hold, received a {kind}: keep this configuration in Python"
                raise ValueError(message) from None
            lines.append(f"# {name}: left out, YAML cannot hold a {kind}\n")
    return "".join(lines)


def _is_writable(value) -> bool:
    try:
        return bool(_yaml_value(value))
    except (TypeError, RecursionError):
        return False


def _yaml_comment(text: str) -> list[str]:
    """The text as lines of a comment; what cannot be printed, which could end a line, is left out."""
    lines = ("".join(char for char in line if char.isprintable()) for line in text.split("\n"))
    wrapped = (textwrap.wrap(line, 108, break_on_hyphens=False) for line in lines)
    return [f"# {line}\n" for parts in wrapped for line in parts]


def _yaml_value(value) -> str:
    """The value on one line of YAML; TypeError for what YAML cannot hold."""
    value = plain(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value)).replace("nan", ".nan").replace("inf", ".inf")
    if isinstance(value, str):
        return _yaml_string(value)
    if isinstance(value, np.ndarray):
        return _yaml_value(value.tolist())
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_yaml_value(each) for each in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"[{', '.join(sorted(_yaml_value(each) for each in value))}]"
    if isinstance(value, dict) and all(isinstance(key, (str, int)) for key in value):
        return f"{{{', '.join(f'{_yaml_value(key)}: {_yaml_value(each)}' for key, each in value.items())}}}"
    raise TypeError(f"expected a value YAML can hold, received a {type(value).__name__}")


def _yaml_string(text: str) -> str:
    """A word as it is, any other text in double quotes, with escapes for what is not printable."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", text) and text.lower() not in ("true", "false", "null", "yes", "no"):
        return str.__str__(text)
    escaped = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return '"' + "".join(escaped) + '"'
