# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why is my RoIAlign wrong?
#
# Find your symptom, jump to the section, copy the fix.
#
# | What you see | What it usually is | Section |
# | --- | --- | --- |
# | `boxes must be 2-D`, `boxes must have 4 columns`, `input image must be 4-D`, "rank mismatch" | an axis or a column too many or too few | 2 |
# | every pooled value is 0, and no error | pixels where normalized boxes belong | 3 |
# | still zeros after dividing by the stride; or features of another place | the scale of the other library | 4 |
# | it runs, it trains, it never gets good | x and y swapped | 5 |
# | the result has as many channels as the map is wide | channels first | 6 |
# | `box_index has values outside [0, batch_size)`; objects of one picture found in another | boxes and pictures mixed up | 7 |
# | `Boxes contains at least one element that is not finite`; flipped or flat features | malformed proposals | 8 |
# | `Incompatible shapes: [1,76,76,...] vs. [1,75,75,...]` | an image size that the pyramid cannot halve | 9 |
#
# Every number below is computed by the cell above it, and every claim is tested by an `assert`. The outputs shown
# are from TensorFlow 2.21 on a CPU; with TensorFlow 2.16.2 every assertion holds as well, and one error is worded
# differently. A GPU may treat NaN and wrong box indices otherwise; that was not measured.
#
# Four articles that search engines show for these symptoms are quoted. They are wrong in places, and it is those
# places that cost people days:
#
# - **A** "Why am I getting an 'Error using roialign' when training a Mask R-CNN model?"
# - **B** "What is the cause of the rank mismatch error in ROIAlign's CropAndResize operation?"
# - **C** "Why does RoIAlign in PyTorch return all zeros when applied to backbone feature maps?"
# - **D** "Why does Matterport's Mask R-CNN fail to train after parameter setup?"

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import re
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from mrcnn_roi.checks.rois import check_rois
from mrcnn_roi.drawing import draw_sampling
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.layers import CropAndResize, PyramidROIAlign, ROIAlign
from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.meta import compose_image_meta
from mrcnn_roi.ops.sampling import sample_positions


def say(text):
    """Prints a text with its long lines folded."""
    for line in str(text).splitlines():
        print(textwrap.fill(line, 100, subsequent_indent=" " * 8, break_on_hyphens=False))


def attempt(call, *args, **kwargs):
    """Calls, and returns the result; or prints and returns the error, without TensorFlow's and Keras' wrapping."""
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        noise = r"\x1b\[\d+m|\{\{.*?\}\}|\[Op:.*|Exception encountered when calling.*"
        text = re.sub(noise, "", str(error)).strip().splitlines()[0].strip()
        say(f"{type(error).__name__}: {text}")
        return text
    print(f"no error, a result of shape {tuple(result.shape)}")
    return result


def ask(rois, **context):
    """Prints what check_rois finds, and returns the codes."""
    findings = check_rois(rois, **context)
    say("\n".join(map(str, findings)) or "check_rois: nothing wrong")
    return [finding.code for finding in findings]


print("TensorFlow", tf.__version__)

# %% [markdown]
# ## 1. What RoIAlign should do, in two minutes
#
# A detector proposes boxes in the **image**. The heads need the features inside each box, always as a small grid, say
# 7 × 7. RoIAlign cuts that grid out of the **feature map**, which is the image seen at a coarser step: at stride 16 a
# cell stands for 16 × 16 pixels.
#
# So three things must fit together: the box, the image it is measured in, and the map. Almost every failure below is
# a misfit of the three, and almost none of them raises an error.
#
# The picture: a box of article B on its 64 × 64 map. Nothing is rounded. RoIAlign takes a few samples in each of the
# 49 bins, each interpolated from four cells, and averages them. `tf.image.crop_and_resize`, which Matterport's Mask
# R-CNN uses, takes one sample a bin, the outer ones on the corner pixels of the box. (Blue is how much a cell counts.)

# %%
IMAGE_SHAPE, STRIDE = (1024, 1024), 16  # article B's image and stride
BOXES = np.array([[200, 100, 400, 300], [600, 500, 900, 800]], np.float32)  # its boxes, (y1, x1, y2, x2) in pixels

draw_sampling(BOXES[0], (64, 64), STRIDE, bins=7, aligned=True, methods=("roi_align", "crop_and_resize"))

# %% [markdown]
# ### The trick: a map that holds its own coordinates
#
# Random features hide every mistake. Let each cell hold its own **row** and **column** instead: then a pooled value
# *is* the position it was read from. A third channel holds the number of the picture, counted from 1: it is 0 where
# nothing was read. Use this in your own code before you believe any of it.


# %%
def position_map(height, width, pictures=1):
    """[pictures, height, width, (row, column, picture number from 1)]"""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([np.stack([rows, columns, np.full_like(rows, 1 + i)], axis=-1) for i in range(pictures)])


MAP = position_map(64, 64)
print("cell (12, 40) holds", MAP[0, 12, 40])

# %% [markdown]
# With it we know the right answer without running a network.
#
# - `crop_and_resize` lays the centres of the image's corner pixels on the centres of the map's corner cells: cell k is
#   pixel k · 1023 / 63. The seven rows of the first box are spread from its first pixel, 200, to its last, 399.
# - `ROIAlign(aligned=True)` takes cell k for the pixels 16 k to 16 k + 16. Each pooled value is the middle of its bin.
# - `ROIAlign(aligned=False)`, torchvision's default, takes coordinate k for the centre of cell k: it reads half a cell
#   further down and right, 8 pixels here. That is a convention, not your bug; but do not change it between training
#   and use.


# %%
def crop_pixels(pooled):
    """Rows and columns of a crop_and_resize from a 64 x 64 map, in pixels of the 1024 x 1024 image."""
    return np.asarray(pooled)[..., :2] * 1023 / 63


def align_pixels(pooled):
    """The same for ROIAlign(aligned=True) at stride 16; pixel edges, so that a box of 0 to 16 has its middle at 8."""
    return (np.asarray(pooled)[..., :2] + 0.5) * 16


right_crop_rows = np.linspace(200, 400 - 1, 7)  # y2 = 400 lies outside the box, its last pixel is 399
right_align_rows = 200 + (np.arange(7) + 0.5) * (400 - 200) / 7

crops = tf.image.crop_and_resize(MAP, norm_boxes(BOXES, IMAGE_SHAPE), [0, 0], (7, 7))
aligned = ROIAlign((7, 7), 1 / STRIDE, aligned=True)([BOXES[None], MAP])
unaligned = ROIAlign((7, 7), 1 / STRIDE, aligned=False)([BOXES[None], MAP])

np.testing.assert_allclose(crop_pixels(crops)[0, :, 0, 0], right_crop_rows, rtol=1e-5)
np.testing.assert_allclose(align_pixels(aligned)[0, 0, :, 0, 0], right_align_rows, rtol=1e-5)
np.testing.assert_allclose(unaligned[..., :2] - aligned[..., :2], 0.5, atol=1e-5)
print("rows read by crop_and_resize:", crop_pixels(crops)[0, :, 0, 0].round(1))
print("rows read by RoIAlign:       ", align_pixels(aligned)[0, 0, :, 0, 0].round(1))

# %% [markdown]
# One more thing that an otherwise good picture tutorial gets wrong ("Understanding Region of Interest, part 2"): the
# four samples of a bin do not lie at 1/3 and 2/3 of it but at 1/4 and 3/4, as in torchvision. Its drawings have pixel
# edges on cell edges, which is `aligned=True`.

# %%
start, length = np.array([0.0], np.float32), np.array([1.0], np.float32)
places = [float(sample_positions(start, length, bins=1, ratio=2, sample=i)[0, 0]) for i in range(2)]
print("samples of a bin from 0 to 1:", places)
assert places == [0.25, 0.75]


# %% [markdown]
# The rest of the kit: a pyramid of such maps, the meta vector that goes with it, and a drawing of the boxes and of the
# places where their values were really read.


# %%
PYRAMID = [position_map(1024 // stride, 1024 // stride) for stride in (4, 8, 16, 32)]  # P2, P3, P4, P5
META = compose_image_meta(0, (1024, 1024, 3), (1024, 1024, 3), (0, 0, 1024, 1024), 1, [1, 1])[None].astype(np.float32)
GOOD = norm_boxes(BOXES, IMAGE_SHAPE)[None]  # [1, 2, 4]


def draw_reads(panels):
    """panels: title -> (boxes [N, 4], positions [N, 7, 7, (row, column)], both in pixels, picture numbers [N, 7, 7]).

    The frame is the image. Every box has its colour, and so have the values that were pooled for it, the first dark,
    the last light. Values that were read outside the map are 0 and have no place.
    """
    figure, row = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 4.3), squeeze=False, layout="constrained")
    for axes, (title, (boxes, pixels, picture)) in zip(row[0], panels.items()):
        axes.add_patch(plt.Rectangle((0, 0), 1024, 1024, facecolor="white", edgecolor="0.3"))
        seen = np.asarray(picture) > 0.99
        for box, places, read, color in zip(boxes, pixels, seen, ("Reds_r", "Blues_r")):
            look = {"fill": False, "edgecolor": plt.colormaps[color](0.25), "linewidth": 1.5}
            axes.add_patch(plt.Rectangle((box[1], box[0]), box[3] - box[1], box[2] - box[0], **look))
            (y, x), order = places[read].T, np.arange(49).reshape(7, 7)[read]
            axes.scatter(x, y, c=order, cmap=color, vmin=0, vmax=70, s=10, zorder=3)
        title += "" if seen.all() else f"\n{np.sum(~seen)} of {seen.size} values are 0"
        margin = max(40, 40 - np.min(boxes))  # so that a box that leaves the image can be seen
        axes.set(xlim=(-margin, 1024 + margin), ylim=(1024 + margin, -margin), aspect="equal", facecolor="0.92")
        axes.set(title=title, xticks=(0, 512, 1024), yticks=(0, 512, 1024))
    figure.supxlabel("a box and the values pooled for it have one colour, dark the first, light the last", fontsize=9)
    plt.show()


# %% [markdown]
# ## 2. "Rank mismatch"
#
# Article B says it comes from boxes "not specified with respect to the spatial dimensions of the input feature map":
# pixels of the image instead of the map, or a wrong stride. Its first example, maps `[1, 3, 64, 64]` and boxes in
# pixels:

# %%
channels_first = np.transpose(MAP, (0, 3, 1, 2))  # [1, 3, 64, 64], as in the article
result = attempt(tf.image.crop_and_resize, channels_first, BOXES, [0, 0], (7, 7))
assert result.shape == (2, 7, 7, 64) and not np.any(result)

# %% [markdown]
# No rank mismatch; no error at all. It returns zeros of a wrong shape. **Values never raise a rank error, ranks do.**
# These are all that TensorFlow has:

# %%
good = norm_boxes(BOXES, IMAGE_SHAPE)  # [2, 4]
five = np.insert(good, 0, 0, axis=1)  # (picture, y1, x1, y2, x2)
wrong_calls = {
    "boxes [1, 2, 4], with a batch axis": ((MAP, good[None], [0, 0], (7, 7)), "boxes must be 2-D"),
    "a box [4], without its axis": ((MAP, good[0], [0], (7, 7)), "boxes must be 2-D"),
    "boxes [2, 5]": ((MAP, five, [0, 0], (7, 7)), "boxes must have 4 columns"),
    "a map [64, 64, 3], without its batch axis": ((MAP[0], good, [0, 0], (7, 7)), "input image must be 4-D"),
    "box indices [2, 1]": ((MAP, good, [[0], [0]], (7, 7)), "box_indices must be rank 1"),
    "one index for two boxes": ((MAP, good, [0], (7, 7)), "box_index has incompatible shape"),
    "a single number for crop_size": ((MAP, good, [0, 0], 7), "crop_size must be 1-D"),
}
for what, (arguments, phrase) in wrong_calls.items():
    print(f"{what}:\n    ", end="")
    assert phrase in attempt(tf.image.crop_and_resize, *arguments)

# %% [markdown]
# (Article A, too, calls `(batch_size, height, width, channels)` "a 3d tensor". It has four axes, and with three you
# get the fourth error. TensorFlow 2.16 prints the first one without its "got:".)
#
# The layers of this package want the batch axis: boxes `[B, N, 4]`. What they say about boxes `[2, 4]` and about a map
# without its batch axis, and what `check_rois` says before you call them:

# %%
text = attempt(PyramidROIAlign((7, 7)), [good, META, *PYRAMID])
assert "expected boxes of rank 3" in text and "boxes[None]" in text
text = attempt(ROIAlign((7, 7), 1 / STRIDE), [BOXES[None], MAP[0]])
assert "expected feature maps of rank 4" in text
assert "roi-rank" in ask(good, feature_maps=PYRAMID, image_meta=META)
assert "fm-rank" in ask(GOOD, feature_maps=[each[0] for each in PYRAMID], image_meta=META)

# %% [markdown]
# **Fix.** Print the shapes. For TensorFlow: map `[B, H, W, C]`, boxes `[M, 4]`, indices `[M]`, size `(7, 7)`. For the
# layers here: boxes `[B, N, 4]`, no indices. Both read the same place:

# %%
assert ask(good[None], feature_maps=PYRAMID, image_meta=META) == []
flat = tf.image.crop_and_resize(MAP, np.reshape(GOOD, (-1, 4)), [0, 0], (7, 7))
layer = CropAndResize((7, 7), 1 / STRIDE)([BOXES[None], MAP])
np.testing.assert_allclose(crop_pixels(flat)[0, :, 0, 0], right_crop_rows, rtol=1e-5)
np.testing.assert_allclose(crop_pixels(layer)[0, 0, :, 0, 0], right_crop_rows, rtol=1e-5)

# %% [markdown]
# ## 3. All zeros, and no error
#
# Boxes in pixels, the map in the right layout: the most frequent mistake of all.

# %%
zeros = attempt(tf.image.crop_and_resize, MAP, BOXES, [0, 0], (7, 7))
assert not np.any(zeros)
print("every value is", float(np.max(zeros)))

# %% [markdown]
# `crop_and_resize` wants 0..1 of the map. A box from 200 to 400 lies 200 maps away, and what is outside is filled with
# `extrapolation_value`, 0. Article B says the operation "will try to access pixels outside the bounds", "leading to a
# rank mismatch"; article A that "the roialign will fail". It does neither, which is worse: the heads train on zeros.
#
# The layer as you normally use it checks shapes, not where the boxes lie, and is silent. `check_rois` is not, and the
# layer with `check="values"` stops. (Put it in while you set things up. It costs a pass over the boxes, and does nothing
# in what XLA compiles.)

# %%
assert not np.any(PyramidROIAlign((7, 7))([BOXES[None], META, *PYRAMID]))
text = attempt(PyramidROIAlign((7, 7), check="values"), [BOXES[None], META, *PYRAMID])
assert "expected normalized RoIs within 0..1" in text
assert ask(BOXES[None], feature_maps=PYRAMID, image_meta=META) == ["roi-pixel-coords"]

# %% [markdown]
# **Fix.** `norm_boxes(boxes, image_shape)`: (y1, x1, y2 − 1, x2 − 1) over (height − 1, width − 1), the size of the
# image *as the network sees it*, after resizing and padding.

# %%
fixed = tf.image.crop_and_resize(MAP, norm_boxes(BOXES, IMAGE_SHAPE), [0, 0], (7, 7))
np.testing.assert_allclose(crop_pixels(fixed)[0, :, 0, 0], right_crop_rows, rtol=1e-5)
np.testing.assert_allclose(crop_pixels(fixed)[0, 0, :, 1], np.linspace(100, 300 - 1, 7), rtol=1e-5)
assert ask(norm_boxes(BOXES, IMAGE_SHAPE)[None], feature_maps=PYRAMID, image_meta=META) == []

# %% [markdown]
# Dividing by the image's size, as in article B's third example, is the right idea and less than a pixel off:

# %%
divided = crop_pixels(tf.image.crop_and_resize(MAP, BOXES / 1024, [0, 0], (7, 7)))
off = np.abs(divided - crop_pixels(fixed)).max()
print(f"the largest difference is {off:.2f} pixels")
assert 0 < off < 1

# %% [markdown]
# ## 4. The wrong scale
#
# Divide by the stride, say articles A and B. That is **right for torchvision-style layers and wrong for
# TensorFlow**. First TensorFlow, article B's "corrected" second example:

# %%
still_zeros = attempt(tf.image.crop_and_resize, MAP, BOXES / STRIDE, [0, 0], (7, 7))
assert not np.any(still_zeros)
assert ask((BOXES / STRIDE)[None], feature_maps=PYRAMID, image_meta=META) == ["roi-feature-coords"]

# %% [markdown]
# Without ground truth 56.25 could be pixels of a corner just as well, so both readings are named. With ground truth
# there is no doubt left:

# %%
assert ask((BOXES / STRIDE)[None], feature_maps=PYRAMID, image_meta=META, gt_boxes=BOXES) == ["roi-feature-coords"]

# %% [markdown]
# Now a torchvision-style layer. `ROIAlign` here has torchvision's numbers, and its boxes are pixels times
# `spatial_scale`. Article C's example forgets the scale, and article C is right about what happens: zeros. Both of its
# repairs are right, too, and give the same numbers.

# %%
C_BOXES = np.array([[[100, 100, 200, 200], [300, 300, 400, 400]]], np.float32)
unscaled = ROIAlign((7, 7), spatial_scale=1.0, aligned=True)([C_BOXES, MAP])
by_scale = ROIAlign((7, 7), spatial_scale=1 / 16, aligned=True)([C_BOXES, MAP])
by_hand = ROIAlign((7, 7), spatial_scale=1.0, aligned=True)([C_BOXES / 16, MAP])

assert not np.any(unscaled)
np.testing.assert_allclose(by_scale, by_hand, rtol=1e-5)
np.testing.assert_allclose(align_pixels(by_scale)[0, 0, :, 0, 0], 100 + (np.arange(7) + 0.5) * 100 / 7, rtol=1e-5)
print("rows read:", align_pixels(by_scale)[0, 0, :, 0, 0].round(1))

# %% [markdown]
# But do not wait for zeros as the sign. They appear only because these boxes lie beyond cell 64. A box near the top
# left corner, or a stride that is a little wrong, reads real features of a wrong place:

# %%
corner = ROIAlign((7, 7), spatial_scale=1.0, aligned=True)([np.array([[[10, 10, 50, 50]]], np.float32), MAP])
reached = align_pixels(corner)[0, 0, [0, -1], 0, 0]
print(f"a box of rows 10 to 50, no scale: reads from row {reached[0]:.0f} to row {reached[1]:.0f}")
assert np.all(np.asarray(corner)[..., 2] == 1) and reached[0] > 160

panels = {}
for stride in (16, 8, 32):
    pooled = np.asarray(ROIAlign((7, 7), 1 / stride, aligned=True)([BOXES[None], MAP]))
    panels[f"spatial_scale = 1/{stride}"] = BOXES, align_pixels(pooled)[0], pooled[0, ..., 2]
draw_reads(panels)

wrong_rows = panels["spatial_scale = 1/8"][1][0, :, 0, 0]
np.testing.assert_allclose(wrong_rows, 2 * right_align_rows, rtol=1e-5)  # twice as far down as it should be

# %% [markdown]
# No layer can know the stride you meant. `check_rois` can, if you tell it the stride and the image: a map of 64 cells
# is not the map of a 1024 image at stride 8. (It judges normalized boxes, so hand it `norm_boxes(...)` of your pixels.)

# %%
assert ask(GOOD, feature_maps=[MAP], strides=(8,), image_shape=IMAGE_SHAPE) == ["fm-spatial"]
assert ask(GOOD, feature_maps=[MAP], strides=(16,), image_shape=IMAGE_SHAPE) == []

# %% [markdown]
# **Fix.**
#
# | layer | boxes | scale |
# | --- | --- | --- |
# | `tf.image.crop_and_resize`, `PyramidROIAlign` | normalized: `norm_boxes(boxes, image_shape)` | none |
# | torchvision, `ROIAlign`, `ROIPool`, `ROIWarp`, `CropAndResize` here | pixels | `spatial_scale=1 / stride` |
# | the same with `spatial_scale=1` | pixels / stride | done by you, once |

# %%
expected = {"crop_and_resize": right_crop_rows, "ROIAlign": right_align_rows}
received = {
    "crop_and_resize": crop_pixels(tf.image.crop_and_resize(MAP, GOOD[0], [0, 0], (7, 7)))[0, :, 0, 0],
    "ROIAlign": align_pixels(ROIAlign((7, 7), 1 / 16, aligned=True)([BOXES[None], MAP]))[0, 0, :, 0, 0],
}
for name in expected:
    np.testing.assert_allclose(received[name], expected[name], rtol=1e-5)

# %% [markdown]
# ## 5. x and y swapped
#
# COCO, torchvision and detectron2 write x first. TensorFlow, Matterport and this package write y first:
# `(y1, x1, y2, x2)`. Article B says that with another order the operation "may interpret the coordinates incorrectly,
# causing an error". It interprets them incorrectly, and there is no error: it reads the place mirrored at the diagonal.

# %%
swapped = GOOD[..., [1, 0, 3, 2]]  # (x1, y1, x2, y2)
pooled = attempt(tf.image.crop_and_resize, MAP, swapped[0], [0, 0], (7, 7))
rows = crop_pixels(pooled)[0, :, 0, 0]
np.testing.assert_allclose(rows, np.linspace(100, 300 - 1, 7), rtol=1e-5)  # 100 to 300 are the box's columns
draw_reads(
    {
        "(y1, x1, y2, x2)": (BOXES, crop_pixels(fixed), fixed[..., 2]),
        "(x1, y1, x2, y2)": (BOXES, crop_pixels(pooled), pooled[..., 2]),
    }
)

# %% [markdown]
# The swapped boxes are perfectly good boxes. The layer cannot know, not even with `check="values"`, and neither can
# `check_rois`, until you give it the ground truth:

# %%
PyramidROIAlign((7, 7), check="values")([swapped, META, *PYRAMID])  # no error
assert ask(swapped, feature_maps=PYRAMID, image_meta=META) == []
assert ask(swapped, feature_maps=PYRAMID, image_meta=META, gt_boxes=BOXES) == ["roi-order-xy"]

# %% [markdown]
# In a wide image some of the swapped boxes fall off its lower edge, and you see zeros again, for no visible reason. The
# box below is in the right half of a 512 × 1024 image:

# %%
WIDE_SHAPE, WIDE_MAP = (512, 1024), position_map(32, 64)
wide_box = np.array([[100, 600, 300, 900]], np.float32)
wide_swapped = norm_boxes(wide_box[:, [1, 0, 3, 2]], WIDE_SHAPE)
assert not np.any(tf.image.crop_and_resize(WIDE_MAP, wide_swapped, [0], (7, 7)))
print("swapped and normalized:", wide_swapped[0].round(2))
context = {"feature_maps": [WIDE_MAP], "strides": (16,), "image_shape": WIDE_SHAPE}
assert "roi-order-xy" in ask(wide_swapped[None], gt_boxes=wide_box, **context)

# %% [markdown]
# **Fix.** Swap the columns where the boxes enter your code, in pixels, and then normalize. (In this order, because in
# an image that is not square, x and y are divided by different numbers.)

# %%
from_coco_or_torch = BOXES[..., [1, 0, 3, 2]]  # (x1, y1, x2, y2) in pixels
repaired = norm_boxes(from_coco_or_torch[..., [1, 0, 3, 2]], IMAGE_SHAPE)[None]
np.testing.assert_array_equal(repaired, GOOD)
assert ask(repaired, feature_maps=PYRAMID, image_meta=META, gt_boxes=BOXES) == []

# %% [markdown]
# ## 6. Channels first
#
# Article B: CropAndResize "accepts a feature map with a shape of `[N, C, H, W]`". TensorFlow's accepts it, and takes it
# for `[N, H, W, C]`. With the correct boxes:

# %%
garbage = attempt(tf.image.crop_and_resize, channels_first, GOOD[0], [0, 0], (7, 7))
assert garbage.shape == (2, 7, 7, 64)  # 64 "channels": the width of the map
print("'row 0' of the result:", np.asarray(garbage)[0, :, 0, 0].round(2))
print("it should be row 12.32 to 24.57; it is a blend of the map's channels (row, column, picture)")
assert np.abs(np.asarray(garbage)[0, :, 0, 0] - np.asarray(fixed)[0, :, 0, 0]).max() > 10

# %% [markdown]
# The sign is the last dimension: 64, the width, where the number of channels should be. A pyramid gives itself away,
# because the last two axes shrink from level to level, and the layer refuses it. A single map could be either; only
# `check_rois` with the image's size can tell.

# %%
pyramid_first = [np.transpose(each, (0, 3, 1, 2)) for each in PYRAMID]
text = attempt(PyramidROIAlign((7, 7)), [GOOD, META, *pyramid_first])
assert "expected channels last" in text
assert attempt(ROIAlign((7, 7), 1 / 16), [BOXES[None], channels_first]).shape[-1] == 64
assert ask(GOOD, feature_maps=pyramid_first, image_meta=META) == ["fm-layout-nchw"]
assert ask(GOOD, feature_maps=[channels_first], strides=(16,), image_shape=IMAGE_SHAPE) == ["fm-layout-nchw"]

# %% [markdown]
# **Fix.** `np.transpose(P, (0, 2, 3, 1))`, or `tf.transpose`.

# %%
channels_last = [tf.transpose(each, (0, 2, 3, 1)) for each in pyramid_first]
assert ask(GOOD, feature_maps=channels_last, image_meta=META) == []
again = tf.image.crop_and_resize(channels_last[2], GOOD[0], [0, 0], (7, 7))
np.testing.assert_allclose(crop_pixels(again)[0, :, 0, 0], right_crop_rows, rtol=1e-5)

# %% [markdown]
# ## 7. Pictures mixed up in the batch
#
# Two pictures, one box each. The third channel of our map says which picture was read: 1 or 2. Article A: "if you're
# mixing rois from different images (...) you will get a mess, believe me." Believe it:

# %%
TWO = position_map(64, 64, pictures=2)
TWO_PYRAMID = [position_map(1024 // stride, 1024 // stride, pictures=2) for stride in (4, 8, 16, 32)]
TWO_META = np.repeat(META, 2, axis=0)

mess = attempt(tf.image.crop_and_resize, TWO, good, [0, 0], (7, 7))  # should be [0, 1]
print("the boxes of pictures 1, 2 were pooled from pictures", np.asarray(mess)[:, 0, 0, 2])
np.testing.assert_allclose(np.asarray(mess)[..., 2], 1)  # both from picture 1, without an error

text = attempt(tf.image.crop_and_resize, TWO, good, [1, 2], (7, 7))  # counted from 1 instead of 0
assert "box_index has values outside [0, batch_size)" in text

# %% [markdown]
# The first is silent. The second raises, on the CPU. The layers here have no indices to get wrong: boxes are
# `[B, N, 4]`, row b belongs to picture b.
#
# What can go wrong is boxes that come from torchvision as five columns, (picture, x1, y1, x2, y2), or another number
# of pictures in boxes and maps:

# %%
FIVE = np.array([[0, 100, 200, 300, 400], [1, 500, 600, 800, 900], [1, 100, 200, 300, 400]], np.float32)

text = attempt(tf.image.crop_and_resize, TWO, FIVE, [0, 1, 1], (7, 7))
assert "boxes must have 4 columns" in text
text = attempt(ROIAlign((7, 7), 1 / 16), [FIVE[None], TWO])
assert "expected boxes with last dimension 4" in text
assert "roi-rank" in ask(FIVE, feature_maps=TWO_PYRAMID, image_meta=TWO_META)

text = attempt(PyramidROIAlign((7, 7)), [GOOD, TWO_META, *TWO_PYRAMID])
assert "expected the same batch size" in text
assert ask(GOOD, feature_maps=TWO_PYRAMID, image_meta=TWO_META) == ["roi-batch-mismatch"]


# %% [markdown]
# **Fix.** Group the rows by picture and fill up with rows of zeros, which are padding. (Here the columns are swapped
# on the way, because torchvision's are x first.)


# %%
def by_picture(rows, pictures):
    """Rows [M, (picture, x1, y1, x2, y2)] as boxes [pictures, N, (y1, x1, y2, x2)], padded with zero rows."""
    groups = [rows[rows[:, 0] == i][:, [2, 1, 4, 3]] for i in range(pictures)]
    boxes = np.zeros((pictures, max(map(len, groups)), 4), np.float32)
    for each, group in zip(boxes, groups):
        each[: len(group)] = group
    return boxes


grouped = by_picture(FIVE, pictures=2)  # [2, 2, 4]
pooled = np.asarray(ROIAlign((7, 7), 1 / 16, aligned=True)([grouped, TWO]))
np.testing.assert_allclose(pooled[0, 0, ..., 2], 1)  # from picture 1
np.testing.assert_allclose(pooled[1, ..., 2], 2)  # from picture 2, both
np.testing.assert_allclose(align_pixels(pooled)[1, 1, :, 0, 0], right_align_rows, rtol=1e-5)

normalized = norm_boxes(grouped, IMAGE_SHAPE) * np.any(grouped, axis=-1, keepdims=True)  # padding stays zero
assert ask(normalized, feature_maps=TWO_PYRAMID, image_meta=TWO_META) == []

# %% [markdown]
# Mind the last step: `norm_boxes` turns a zero row into (0, 0, −1/1023, −1/1023), which is no padding any more but a
# reversed box. Pad after normalizing, or multiply as above.

# %%
no_padding = norm_boxes(grouped, IMAGE_SHAPE)
np.testing.assert_allclose(no_padding[0, 1], [0, 0, -1 / 1023, -1 / 1023], rtol=1e-6)
assert ask(no_padding, feature_maps=TWO_PYRAMID, image_meta=TWO_META)

# %% [markdown]
# ## 8. Malformed proposals
#
# Article A: "if the rpn outputs proposals with zero height or width or are way out of the image bounds, the roialign
# will fail". Here is what `crop_and_resize` really does with each. Only NaN and infinity raise, on the CPU.

# %%
MALFORMED = {
    "no area": [0.3, 0.4, 0.3, 0.4],
    "no height": [0.3, 0.4, 0.3, 0.8],
    "y reversed": [0.8, 0.2, 0.2, 0.7],
    "both reversed": [0.8, 0.7, 0.2, 0.2],
    "partly outside": [-0.2, -0.2, 1.2, 1.2],
    "far outside": [1.5, 1.5, 1.8, 1.8],
    "NaN": [np.nan, 0.2, 0.8, 0.7],
    "infinity": [0.2, 0.2, np.inf, 0.7],
    "padding": [0.0, 0.0, 0.0, 0.0],
}
reads = {}
for name, box in MALFORMED.items():
    print(f"{name:15}", end="")
    if not np.isfinite(box).all():
        assert "not finite" in attempt(tf.image.crop_and_resize, MAP, np.array([box], np.float32), [0], (7, 7))
        continue
    pooled = np.asarray(tf.image.crop_and_resize(MAP, np.array([box], np.float32), [0], (7, 7)))
    (rows, columns), read = np.moveaxis(crop_pixels(pooled)[0], -1, 0), pooled[0, ..., 2] == 1
    reads[name] = rows, columns, read
    if read.any():
        first, last = crop_pixels(pooled)[0][read][[0, -1]]
        print(f"rows {first[0]:.0f} to {last[0]:.0f}, columns {first[1]:.0f} to {last[1]:.0f}", end="  ")
    print("" if read.all() else f"{np.sum(~read)} of {read.size} values are 0")

rows, columns, read = reads["no area"]
assert np.ptp(rows) == 0 and np.ptp(columns) == 0  # one point, 49 times
rows, columns, read = reads["no height"]
assert np.ptp(rows) == 0 and np.all(np.diff(columns) > 0)  # one line, 7 times
rows, columns, read = reads["y reversed"]
assert np.all(np.diff(rows, axis=0) < 0) and np.all(np.diff(columns) > 0)  # upside down
np.testing.assert_allclose(rows[[0, -1], 0], [0.8 * 1023, 0.2 * 1023], rtol=1e-5)
rows, columns, read = reads["both reversed"]
assert np.all(np.diff(rows, axis=0) < 0) and np.all(np.diff(columns) < 0)  # turned by 180 degrees
assert np.sum(~reads["partly outside"][2]) == 24 and not reads["far outside"][2].any()
rows, columns, read = reads["padding"]
assert not rows.any() and not columns.any() and read.all()  # the pixel in the top left corner, 49 times

panels = {}
for name in ("no height", "y reversed", "partly outside"):
    rows, columns, read = reads[name]
    panels[name] = 1023 * np.array([MALFORMED[name]]), np.stack([rows, columns], axis=-1)[None], read[None]
draw_reads(panels)

# %% [markdown]
# Zero area is harmless: one point or one line, over and over. Zero rows are legal padding. Reversed boxes are the bad ones:
# they pool the right place upside down, and in a pyramid from the wrong level, because the level is computed from the
# area and a negative area has none: it becomes P2.

# %%
from mrcnn_roi.ops.levels import roi_levels

as_given = roi_levels(np.array([0.8, 0.2, 0.2, 0.7]), IMAGE_SHAPE)
in_order = roi_levels(np.array([0.2, 0.2, 0.8, 0.7]), IMAGE_SHAPE)
print(f"reversed: P{as_given}, in order: P{in_order}")
assert (as_given, in_order) == (2, 5)

# %% [markdown]
# What `check_rois` says about all nine at once, and what the layer says. Unless told otherwise the layer only looks
# for NaN and infinity; with `check="values"` it also stops at reversed boxes and at boxes outside. Boxes without area
# pass, as they should.

# %%
rois = np.array([list(MALFORMED.values())], np.float32)
codes = ask(rois, feature_maps=PYRAMID, image_meta=META)
assert sorted(codes) == ["roi-nonfinite", "roi-order-reversed", "roi-range", "roi-zero-area"]

text = attempt(PyramidROIAlign((7, 7)), [rois, META, *PYRAMID])
assert "expected finite boxes" in text
strict = PyramidROIAlign((7, 7), check="values")
assert "expected y1 <= y2 and x1 <= x2" in attempt(strict, [rois[:, 2:3], META, *PYRAMID])
assert "expected normalized RoIs within 0..1" in attempt(strict, [rois[:, 4:5], META, *PYRAMID])
assert attempt(strict, [rois[:, :2], META, *PYRAMID]).shape == (1, 2, 7, 7, 3)  # no area, no height


# %% [markdown]
# **Fix.** First find out where they come from: NaN is nearly always `exp` of a large delta, all boxes reversed means
# another column order, such as (y, x, h, w). For the odd one out, clean before pooling: clip, drop what has no area,
# keep the place with a zero row.


# %%
def cleaned(rois):
    """RoIs [B, N, (y1, x1, y2, x2)], clipped to 0..1; those without area, reversed or not finite become padding."""
    clipped = np.clip(rois, 0, 1)
    height, width = clipped[..., 2] - clipped[..., 0], clipped[..., 3] - clipped[..., 1]
    usable = np.isfinite(rois).all(axis=-1) & (height > 0) & (width > 0)
    return np.where(usable[..., None], clipped, 0).astype(np.float32)


kept = cleaned(rois)
np.testing.assert_array_equal(np.any(kept, axis=-1)[0], [name == "partly outside" for name in MALFORMED])
assert ask(kept, feature_maps=PYRAMID, image_meta=META) == []

pooled = np.asarray(PyramidROIAlign((7, 7))([kept, META, *PYRAMID]))
row = list(MALFORMED).index("partly outside")  # now the whole image, from P5: 32 cells, 31 steps of 33 pixels
np.testing.assert_allclose(pooled[0, row, :, 0, 0] * 1023 / 31, np.linspace(0, 1023, 7), rtol=1e-5)
np.testing.assert_allclose(pooled[0, row, ..., 2], 1)

# %% [markdown]
# ## 9. A pyramid that does not fit its image (article D)
#
# Article D's first example sets `IMAGE_MIN_DIM = IMAGE_MAX_DIM = 600` for images of 512 × 512. It says that this fails
# because of "significant loss of resolution or distortion", and that a wrong resize mode "can alter the aspect ratio".
# Neither is the reason. 600 cannot be halved often enough: the maps have 150, 75, 38 and 19 cells, and twice 38 is not
# 75.

# %%
from mrcnn_roi.ops.anchors import feature_shapes

assert feature_shapes((600, 600), (4, 8, 16, 32))[:, 0].tolist() == [150, 75, 38, 19]
upsampled = tf.keras.layers.UpSampling2D()(np.zeros((1, 38, 38, 8), np.float32))  # P4, about to be added to C3
text = attempt(tf.add, upsampled, np.zeros((1, 75, 75, 8), np.float32))
assert "Incompatible shapes: [1,76,76,8] vs. [1,75,75,8]" in text

# %% [markdown]
# `Config` says so before anything is built:

# %%
from mrcnn_roi.config import Config
from mrcnn_roi.ops.images import molded_scale_and_shape, resize_image


class ArticleConfig(Config):
    NAME = "custom"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = 600
    IMAGE_MAX_DIM = 600


try:
    ArticleConfig()
except SetupError as error:
    say(error)
    assert [finding.code for finding in error.findings] == ["cfg-image-dim-not-div64"]
else:
    raise AssertionError("600 should have been refused")

# %% [markdown]
# The article's images would merely be enlarged 1.17 times, and no mode changes the aspect ratio. Here is a wide image,
# 300 × 512, under every mode that resizes: the part of the result that holds the image keeps its shape.

# %%
scale, height, width = molded_scale_and_shape(512, 512, 600, 600, mode="square")
print(f"512 -> {height}: scale {scale:.2f}")
for mode, smallest, largest in (("square", 600, 1024), ("pad64", 640, None)):
    _, (y1, x1, y2, x2), scale, _, _ = resize_image(np.zeros((300, 512, 3), np.uint8), smallest, largest, mode=mode)
    print(f"{mode}: the image takes {y2 - y1} × {x2 - x1}, aspect {(x2 - x1) / (y2 - y1):.3f}, was {512 / 300:.3f}")
    np.testing.assert_allclose((x2 - x1) / (y2 - y1), 512 / 300, rtol=0.002)  # whole pixels

# %% [markdown]
# **Fix.** 640 (or 576). And the other claims of article D: there is no `DATASET_SIZE`; three instances of one class and
# two of another are no imbalance; two images a GPU with a learning rate of 0.01 is more than Matterport's 0.001, but
# nothing that is sure to fail.


# %%
class FixedConfig(ArticleConfig):
    IMAGE_MIN_DIM = 640
    IMAGE_MAX_DIM = 640


class ThirdExample(Config):
    NAME = "custom"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 2
    LEARNING_RATE = 0.01
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 50


for config in (FixedConfig(), ThirdExample()):
    assert not [finding for finding in config.validate() if finding.severity == Severity.ERROR]
    assert not hasattr(config, "DATASET_SIZE")

sides = [640 // stride for stride in (4, 8, 16, 32)]
print("maps of 640:", sides)
assert all(fine == 2 * coarse for fine, coarse in zip(sides, sides[1:]))

# %% [markdown]
# ## Checklist
#
# 1. **Shapes.** Map `[B, H, W, C]`, channels last. Boxes `[B, N, 4]` for the layers here, `[M, 4]` and indices `[M]`
#    for `tf.image.crop_and_resize`.
# 2. **Order.** `(y1, x1, y2, x2)`, y2 and x2 outside the box. Swap x and y in pixels, before normalizing.
# 3. **Frame.** Normalized for `crop_and_resize` and `PyramidROIAlign`; pixels and `spatial_scale=1 / stride` for
#    `ROIAlign` and its like. Never both.
# 4. **Image.** The size of the image *after* resizing and padding, everywhere.
# 5. **Stride.** Map size times stride is the image's size, on both axes.
# 6. **Picture.** Row b of the boxes belongs to picture b. Padding is zeros after normalizing.
# 7. **Proposals.** Finite, ordered, within the image.
# 8. **Ask.** `check_rois(rois, feature_maps=..., image_meta=..., gt_boxes=...)` once before training; ground truth
#    makes it see swapped columns. `check="values"` in the layer while you set things up.
# 9. **Prove.** Put `position_map` in place of your features and look at what comes out. Zeros mean outside; numbers say
#    where.

# %%
assert ask(GOOD, feature_maps=PYRAMID, image_meta=META, gt_boxes=BOXES) == []

pooled = np.asarray(PyramidROIAlign((7, 7), check="values")([GOOD, META, *PYRAMID]))
assert np.all(pooled[..., 2] == 1)  # every value was read from picture 1, none from outside
for n, level in enumerate(roi_levels(GOOD[0], IMAGE_SHAPE)):
    cells = PYRAMID[level - 2].shape[1]
    pixels = pooled[0, n, ..., :2] * 1023 / (cells - 1)
    np.testing.assert_allclose(pixels[:, 0, 0], np.linspace(BOXES[n, 0], BOXES[n, 2] - 1, 7), rtol=1e-5)
    np.testing.assert_allclose(pixels[0, :, 1], np.linspace(BOXES[n, 1], BOXES[n, 3] - 1, 7), rtol=1e-5)
    print(f"box {n} from P{level}: rows {pixels[0, 0, 0]:.0f} to {pixels[-1, 0, 0]:.0f}, right")
