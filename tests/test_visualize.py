"""The facade: Matterport's names and signatures, and nothing but imports in it."""

import ast
import inspect

import pytest

from mrcnn_roi import drawing, visualize

SIGNATURES = {
    "display_images": "images titles=None cols=4 cmap=None norm=None interpolation=None",
    "random_colors": "N bright=True",
    "apply_mask": "image mask color alpha=0.5",
    "display_instances": "image boxes masks class_ids class_names scores=None title='' figsize=(16,16) "
    "ax=None show_mask=True show_bbox=True colors=None captions=None",
    "display_differences": "image gt_box gt_class_id gt_mask pred_box pred_class_id pred_score pred_mask "
    "class_names title='' ax=None show_mask=True show_box=True iou_threshold=0.5 score_threshold=0.5",
    "draw_rois": "image rois refined_rois mask class_ids class_names limit=10",
    "draw_box": "image box color",
    "display_top_masks": "image mask class_ids class_names limit=4",
    "plot_precision_recall": "AP precisions recalls",
    "plot_overlaps": "gt_class_ids pred_class_ids pred_scores overlaps class_names threshold=0.5",
    "draw_boxes": "image boxes=None refined_boxes=None masks=None captions=None visibilities=None title='' ax=None",
    "display_table": "table",
    "display_weight_stats": "model",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_the_original_ones_with_a_path_at_the_end(name):
    parameters = list(inspect.signature(getattr(visualize, name)).parameters.values())
    if parameters[-1].name == "path":
        assert parameters.pop().default is None
    received = [
        each.name if each.default is each.empty else f"{each.name}={each.default!r}".replace(", ", ",")
        for each in parameters
    ]
    assert received == SIGNATURES[name].split()


def test_every_exported_name_exists():
    for module in (visualize, drawing):
        assert sorted(module.__all__) == module.__all__
        assert all(hasattr(module, name) for name in module.__all__)
    assert set(SIGNATURES) <= set(visualize.__all__)


def test_the_facade_holds_imports_and_names_only():
    for node in ast.parse(inspect.getsource(visualize)).body[1:]:
        assert isinstance(node, ast.ImportFrom | ast.Import | ast.Assign), ast.dump(node)
