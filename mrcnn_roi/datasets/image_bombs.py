"""Files of a few kilobytes must not ask for gigabytes."""

from __future__ import annotations

from PIL import Image

MOST_BYTES, MOST_RATIO = 1 << 30, 100  # more bytes than these must come from a file with at least a hundredth of them


def refuse_bomb(height: int, width: int, pixel_size: int, file_size: int) -> None:
    """Raises DecompressionBombError for more pixels than Pillow takes, or more bytes of them (pixel_size is one's) than
    a file of file_size bytes may reasonably hold."""
    if Image.MAX_IMAGE_PIXELS is None:
        return
    pixels, size = height * width, height * width * pixel_size
    if pixels > 2 * Image.MAX_IMAGE_PIXELS or size > max(MOST_BYTES, MOST_RATIO * file_size):
        raise Image.DecompressionBombError(f"{width} x {height} pixels, {size} bytes")
