"""MaskRCNN: Matterport's object. It builds, trains, detects and loads; the work is done in the modules beside it."""

from __future__ import annotations

import os
import sys

import keras
import numpy as np

from mrcnn_roi import preflight as preflights
from mrcnn_roi.engine import inference, inspecting, training, weights
from mrcnn_roi.engine.first_batch import inspect_first_batch, print_or_raise
from mrcnn_roi.engine.inspecting import log
from mrcnn_roi.engine.keras_model import MaskRCNNModel
from mrcnn_roi.engine.loaded_weights import LoadedWeights
from mrcnn_roi.engine.log_dir import find_last, log_dir_for
from mrcnn_roi.engine.run_folder import describe_run
from mrcnn_roi.engine.weight_report import print_report
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.network.build import build_inference, build_training
from mrcnn_roi.ops.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn_roi.ops.boxes import norm_boxes

IMAGENET_WEIGHTS_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


class MaskRCNN:
    """Mask R-CNN with the original's interface.

    Args:
        mode: "training" or "inference".
        config: a Config; SetupError when `config.validate()` finds an ERROR.
        model_dir: folder for logs and checkpoints.

    `keras_model` is the keras.Model, `config` the settings, `epoch` the epochs done, `log_dir` and
    `checkpoint_path` where a run writes.
    """

    def __init__(self, mode, config, model_dir):
        if mode not in ("training", "inference"):
            raise ValueError(f'expected mode to be "training" or "inference", received {mode!r}')
        errors = [finding for finding in config.validate() if finding.severity is Severity.ERROR]
        if errors:
            raise SetupError(errors)
        self.mode, self.config, self.model_dir = mode, config, os.fspath(model_dir)
        self.anchors = None
        self._anchor_cache: dict[tuple, np.ndarray] = {}
        self.set_log_dir()
        self.keras_model = self.build(mode=mode, config=config)
        self._weights = LoadedWeights(self.keras_model)

    def build(self, mode, config):
        """A new keras.Model of the mode; its inputs and outputs are those of network.build."""
        inputs, outputs = (build_training if mode == "training" else build_inference)(config)
        model = MaskRCNNModel(inputs, outputs, name="mask_rcnn")
        model.set_losses(config.LOSS_WEIGHTS, config.WEIGHT_DECAY)
        return model

    # Weights and folders

    def find_last(self):
        """Path of the newest checkpoint of this config's NAME in model_dir; FileNotFoundError when there is none."""
        return find_last(self.config.NAME, self.model_dir)

    def load_weights(self, filepath, by_name=False, exclude=None):
        """Loads weights, prints what was loaded, skipped, missing and unused, and points log_dir at their run.

        filepath: Matterport's ".h5" (weights or full model), ".weights.h5" or ".keras". exclude: layer names to
        leave as they are; it implies by_name. The usual one for other classes is
        ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"].
        Raises SetupError with everything that forbids to load, the model unchanged: an unreadable file, shapes that
        do not fit, unknown names in exclude, heads that would stay random at inference. Warnings are printed.
        (keras_model.load_weights loads parts of a model for inference, too.)
        """
        excluded = [exclude] if isinstance(exclude, str) else list(exclude or ())
        report = weights.load_any(
            self.keras_model,
            filepath,
            by_name=by_name or bool(excluded),
            exclude=excluded,
            judge=lambda header: self._weights.judge(self.config, header, excluded, self.mode),
        )
        print_report(report)
        for finding in report.findings:
            print(finding)
        self._weights.add(report)
        self.set_log_dir(os.fsdecode(filepath))
        return report

    def get_imagenet_weights(self):
        """Path of ResNet50's ImageNet weights, downloaded once; the original uses them for ResNet101 by name, too."""
        name = IMAGENET_WEIGHTS_URL.rpartition("/")[2]
        return keras.utils.get_file(
            name, IMAGENET_WEIGHTS_URL, cache_subdir="models", file_hash="a268eb855778b3df3c7506639542a6af"
        )

    def set_log_dir(self, model_path=None):
        """Sets log_dir, checkpoint_path and epoch: of the run that model_path came from, or of a new run."""
        run = log_dir_for(self.config.NAME, self.model_dir, model_path)
        self.log_dir, self.checkpoint_path, self.epoch = run.folder, run.checkpoint_path, run.epoch
        if run.epoch and self.mode == "training":
            print(f"Re-starting from epoch {run.epoch}")

    # Training

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Makes exactly the layers trainable whose names match: a preset's regex or the user's own."""
        log = (lambda line: print(" " * indent + line)) if verbose > 0 else None
        if log:
            log("Selecting layers to train")
        return training.set_trainable(keras_model or self.keras_model, layer_regex, log)

    def compile(self, learning_rate, momentum):
        """Gets the model ready for training: SGD, clipping, the five losses and weight decay of the config."""
        training.compile_model(
            self.keras_model,
            learning_rate,
            momentum,
            self.config.GRADIENT_CLIP_NORM,
            self.config.LOSS_WEIGHTS,
            self.config.WEIGHT_DECAY,
        )

    def train(
        self,
        train_dataset,
        val_dataset,
        learning_rate,
        epochs,
        layers,
        augmentation=None,
        custom_callbacks=None,
        no_augmentation_sources=None,
        preflight="error",
        findings=None,
    ):
        """Trains from self.epoch to `epochs`, the number of the last epoch (not how many more).

        train_dataset, val_dataset: prepared Datasets; val_dataset may be None.
        learning_rate: a number or a Keras schedule.
        layers: "heads", "3+", "4+", "5+", "all", or a regular expression on layer names.
        augmentation: callable (image, masks, rng) -> (image, masks), an albumentations transform or an imgaug-style
            augmenter. no_augmentation_sources: dataset sources it is not applied to.
        preflight: "error" refuses to start when the preflight or the first batch shows an ERROR (SetupError), "warn"
            prints findings and starts, "off" looks at nothing; annotation files that could not be read raise SetupError
            at any level. The first batch is looked at after it was made and run through the model once, which changes
            neither the model nor any random numbers.
        findings: what preflight() found in this set-up already and was shown; then it is not run again.
        Returns Keras' History; an empty one, and a line that says so, when epoch `epochs` is done already, so that a
        script of several stages can be resumed.
        """
        if self.mode != "training":
            raise ValueError('expected a model built with mode "training", received mode "inference"')
        if preflight not in ("error", "warn", "off"):
            raise ValueError(f'expected preflight to be "error", "warn" or "off", received {preflight!r}')
        if self.epoch >= epochs:
            more = f"epochs is the number of the last epoch; epochs={self.epoch + epochs} trains {epochs} more"
            print(f"WARNING [w-epochs-done] epoch {self.epoch} of {epochs} is done: nothing to train. {more}")
            return keras.callbacks.History()
        if preflight != "off" and findings is None:
            findings = self._preflight(train_dataset, val_dataset, layers, learning_rate, epochs, augmentation)
            print_or_raise(findings, preflight)
        train, val = training.batches_of(
            self.config,
            train_dataset,
            val_dataset,
            first_epoch=self.epoch,
            augmentation=augmentation,
            no_augmentation_sources=no_augmentation_sources,
        )
        self.set_trainable(training.LAYER_PRESETS.get(layers, layers), verbose=0)
        self.compile(learning_rate, self.config.LEARNING_MOMENTUM)
        if preflight != "off":
            trained = self.epoch > 0 or "rpn_model" in self._weights.layers
            codes = {finding.code for finding in findings}
            found = inspect_first_batch(self.keras_model, train, self.config, trained=trained, reported=codes)
            print_or_raise(found, preflight)
        print(f"\nStarting at epoch {self.epoch}. LR={learning_rate}\n\nCheckpoint Path: {self.checkpoint_path}")
        callbacks = training.default_callbacks(self.log_dir, self.checkpoint_path)
        describe_run(self.log_dir, self.config, train_dataset.class_names)
        history = training.fit(
            self.keras_model,
            train,
            val,
            self.config,
            first_epoch=self.epoch,
            epochs=epochs,
            callbacks=callbacks + list(custom_callbacks or []),
            verbose=1 if sys.stdout.isatty() else 2,
        )
        self.epoch = max(self.epoch, epochs)
        self._weights.add_trained(self.get_trainable_layers())
        return history

    def _preflight(self, train_dataset, val_dataset, layers, learning_rate, epochs, augmentation):
        """What preflight() says about this run, and of weights and layers that belong together."""
        found = preflights.preflight(
            self.config,
            train_dataset,
            val_dataset,
            layers=layers,
            learning_rate=learning_rate,
            epochs=epochs,
            checkpoint=self.checkpoint_path.format(epoch=self.epoch) if self.epoch else None,
            augmentation=augmentation,
            model_dir=self.model_dir,
        )
        return found + self._weights.judge_layers(self.config, layers)

    # Inference

    def mold_inputs(self, images):
        """See engine.inference.mold_inputs."""
        return inference.mold_inputs(images, self.config)

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """See engine.inference.unmold_detections."""
        return inference.unmold_detections(detections, mrcnn_mask, original_image_shape, image_shape, window)

    def detect(self, images, verbose=0):
        """Detects objects in any number of images [H, W, C] of any sizes.

        Returns a dict an image: rois [N, (y1, x1, y2, x2)] pixels of that image, class_ids [N], scores [N],
        masks [H, W, N] bool. BATCH_SIZE only bounds how many images share a batch.
        """
        self._require_inference()
        images = list(images)
        if verbose:
            print(f"Processing {len(images)} images")
            for image in images:
                log("image", image)
        return inference.detect_images(
            self.keras_model, images, self.config, self.get_anchors, int(self.config.BATCH_SIZE)
        )

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Detects in images that are molded already, [N, h, w, C]; results are in molded pixels, padding included."""
        self._require_inference()
        molded_images, image_metas = np.asarray(molded_images), np.asarray(image_metas)
        if molded_images.ndim != 4 or len(image_metas) != len(molded_images):
            raise ValueError(
                "expected molded images [N, h, w, C] and as many metas [N, 12 + K], received shapes "
                f"{molded_images.shape} and {image_metas.shape}"
            )
        if verbose:
            print(f"Processing {len(molded_images)} images")
        return inference.detect_molded_images(
            self.keras_model, molded_images, image_metas, self.get_anchors, int(self.config.BATCH_SIZE)
        )

    def _require_inference(self):
        if self.mode != "inference":
            raise ValueError('expected a model built with mode "inference", received mode "training"')

    def get_anchors(self, image_shape):
        """Normalized anchors [A, (y1, x1, y2, x2)] float32 for a molded image of image_shape; cached by shape."""
        shape = tuple(int(side) for side in image_shape)
        if shape not in self._anchor_cache:
            anchors = generate_pyramid_anchors(
                self.config.RPN_ANCHOR_SCALES,
                self.config.RPN_ANCHOR_RATIOS,
                compute_backbone_shapes(self.config, shape),
                self.config.BACKBONE_STRIDES,
                self.config.RPN_ANCHOR_STRIDE,
            )
            self.anchors = anchors  # the last ones in pixels; old notebooks draw them
            self._anchor_cache[shape] = norm_boxes(anchors, shape[:2])
        return self._anchor_cache[shape]

    # Looking inside

    def ancestor(self, tensor, name, checked=None):
        """The symbolic tensor upstream of `tensor` whose layer's name matches the regex `name`, or None."""
        return inspecting.ancestor(tensor, name, checked)

    def find_trainable_layer(self, layer):
        """The layer itself: heads are plain layers here, the original had to look inside TimeDistributed."""
        return layer

    def get_trainable_layers(self):
        """The layers that have weights, those of nested models included."""
        return training.trainable_layers(self.keras_model)

    def run_graph(self, images, outputs, image_metas=None):
        """Arrays of inner tensors for a list of images: an OrderedDict from [(name, symbolic tensor), ...].

        images: [H, W, C] each, molded here; with image_metas they are taken as molded already.
        """
        self._require_inference()
        if image_metas is None:
            images, image_metas, _ = self.mold_inputs(images)
        return inspecting.run_graph(self.keras_model, images, image_metas, outputs, self.get_anchors)
