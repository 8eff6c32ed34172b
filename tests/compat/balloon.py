"""A Matterport-era script, written as thousands were: subclass Config, subclass Dataset, train, detect."""

import json
import os
import sys

import numpy as np
import skimage.draw
import skimage.io
from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config


class BalloonConfig(Config):
    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    DETECTION_MIN_CONFIDENCE = 0
    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 48, 64)
    TRAIN_ROIS_PER_IMAGE = 8
    POST_NMS_ROIS_TRAINING = 50
    POST_NMS_ROIS_INFERENCE = 20
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    DETECTION_MAX_INSTANCES = 5


class InferenceConfig(BalloonConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


class BalloonDataset(utils.Dataset):
    def load_balloon(self, dataset_dir, subset):
        self.add_class("balloon", 1, "balloon")
        dataset_dir = os.path.join(dataset_dir, subset)
        annotations = json.load(open(os.path.join(dataset_dir, "via_region_data.json")))  # noqa: SIM115
        annotations = [a for a in annotations.values() if a["regions"]]
        for a in annotations:
            if type(a["regions"]) is dict:
                polygons = [r["shape_attributes"] for r in a["regions"].values()]
            else:
                polygons = [r["shape_attributes"] for r in a["regions"]]
            image_path = os.path.join(dataset_dir, a["filename"])
            image = skimage.io.imread(image_path)
            height, width = image.shape[:2]
            self.add_image(
                "balloon", image_id=a["filename"], path=image_path, width=width, height=height, polygons=polygons
            )

    def load_mask(self, image_id):
        image_info = self.image_info[image_id]
        if image_info["source"] != "balloon":
            return super(self.__class__, self).load_mask(image_id)
        info = self.image_info[image_id]
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = skimage.draw.polygon(p["all_points_y"], p["all_points_x"])
            mask[rr, cc, i] = 1
        return mask.astype(bool), np.ones([mask.shape[-1]], dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "balloon":
            return info["path"]
        else:
            super(self.__class__, self).image_reference(image_id)


def main(data, logs):
    config = BalloonConfig()
    config.display()
    dataset_train = BalloonDataset()
    dataset_train.load_balloon(data, "train")
    dataset_train.prepare()
    dataset_val = BalloonDataset()
    dataset_val.load_balloon(data, "val")
    dataset_val.prepare()

    model = modellib.MaskRCNN(mode="training", config=config, model_dir=logs)
    model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
    model.keras_model.save_weights(os.path.join(logs, "mask_rcnn_balloon.h5"))

    model = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir=logs)
    model.load_weights(model.find_last(), by_name=True)
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        dataset_val, config, dataset_val.image_ids[0], use_mini_mask=False
    )
    results = model.detect([image], verbose=1)
    r = results[0]
    visualize.display_instances(
        image, r["rois"], r["masks"], r["class_ids"], dataset_val.class_names, r["scores"], ax=visualize_axes()
    )
    AP, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
    )
    print("AP", AP)


def visualize_axes():
    from matplotlib.figure import Figure

    return Figure().add_subplot()


if __name__ == "__main__":
    main(*sys.argv[1:])
