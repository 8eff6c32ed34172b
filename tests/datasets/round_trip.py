"""A dataset, the COCO json written of it, and whether both say the same: to our loader and to pycocotools."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO

from mrcnn_roi.datasets import load_dataset


def coco_of(path):
    """The file as pycocotools reads it."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def assert_same(dataset, written):
    """The written file has the masks, classes, crowds, sizes and images of the dataset, in the same order."""
    loaded = load_dataset(written.path, written.images_root)
    coco = coco_of(written.path)
    assert loaded.class_names == dataset.class_names
    assert [info["path"] for info in loaded.image_info] == [info["path"] for info in dataset.image_info]
    assert (len(coco.imgs), len(coco.anns)) == (written.images, written.annotations)
    for image_id in dataset.image_ids:
        (masks, class_ids), (again, ids) = dataset.load_mask(image_id), loaded.load_mask(image_id)
        assert ids.tolist() == class_ids.tolist()
        entry = coco.imgs[loaded.image_info[image_id]["id"]]
        assert dataset.load_image(image_id).shape[:2] == (entry["height"], entry["width"])
        assert np.array_equal(loaded.load_image(image_id), dataset.load_image(image_id))
        annotations = coco.imgToAnns[entry["id"]]
        assert len(annotations) == len(class_ids)
        for i, annotation in enumerate(annotations):
            mask = masks[..., i]
            assert np.array_equal(again[..., i], mask)
            assert np.array_equal(coco.annToMask(annotation) > 0, mask)
            assert annotation["area"] == mask.sum()
            assert annotation["iscrowd"] == (class_ids[i] < 0)
            name = coco.cats[annotation["category_id"]]["name"]
            assert name.partition(",")[0] == dataset.class_names[abs(class_ids[i])]
            assert covers(annotation["bbox"], mask, isinstance(annotation["segmentation"], dict))
    return loaded, coco


def covers(bbox, mask, exactly):
    """Whether [x, y, width, height] is the box of the mask; of a polygon it may reach further, by its thin tips."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tight = [xs[0], ys[0], xs[-1] + 1, ys[-1] + 1] if len(xs) else [0, 0, 0, 0]
    x, y, width, height = bbox
    if exactly:
        return [x, y, x + width, y + height] == tight
    return not len(xs) or (np.array([x, y, -x - width, -y - height]) <= np.array(tight) * [1, 1, -1, -1] + 1).all()
