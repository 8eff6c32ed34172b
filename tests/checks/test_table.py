from pathlib import Path

import mrcnn_roi.checks.rois
import mrcnn_roi.preflight  # noqa: F401
from mrcnn_roi.checks import table

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_readme_is_current():
    text = README.read_text(encoding="utf-8")
    assert table.START in text
    assert text == table.updated(text), "run `make readme`"


def test_updating_replaces_the_old_table():
    text = f"before\n{table.START}\nOLD ROWS\n{table.END}\nafter\n"
    new = table.updated(text)
    assert "OLD ROWS" not in new
    assert "`roi-rank`" in new
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert table.updated(new) == new
