"""Settings computed from the data, and a configuration that passes. No checks are registered here.

`suggest_settings` says what fits the data better, `repaired` adds what makes broken settings valid, and
`apply.fixed_config` brings a configuration to where no error is left that a setting can cure. All are pure:
they read the scan of the data (`checks.splits`), never an image.
"""

from mrcnn_roi.checks.suggestions.apply import FixedConfig, fixed_config
from mrcnn_roi.checks.suggestions.repair import repaired
from mrcnn_roi.checks.suggestions.settings import suggest_settings
from mrcnn_roi.checks.suggestions.trial import Suggestion

__all__ = ["FixedConfig", "Suggestion", "fixed_config", "repaired", "suggest_settings"]
