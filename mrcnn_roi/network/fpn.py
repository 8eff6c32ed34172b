"""Feature pyramid network: C2..C5 become P2..P6 of one channel count (FPN, section 3)."""

from __future__ import annotations

from keras import layers as L


def fpn_graph(c2, c3, c4, c5, channels):
    """[P2, P3, P4, P5, P6]: 1x1 laterals, nearest upsampling, 3x3 smoothing, no activation anywhere.

    P6 subsamples P5 and serves the RPN alone.
    """
    p5 = L.Conv2D(channels, (1, 1), name="fpn_c5p5")(c5)
    p4 = _merge(p5, c4, channels, "fpn_p5upsampled", "fpn_c4p4", "fpn_p4add")
    p3 = _merge(p4, c3, channels, "fpn_p4upsampled", "fpn_c3p3", "fpn_p3add")
    p2 = _merge(p3, c2, channels, "fpn_p3upsampled", "fpn_c2p2", "fpn_p2add")
    p2, p3, p4, p5 = (
        L.Conv2D(channels, (3, 3), padding="same", name=f"fpn_p{level}")(each)
        for level, each in zip((2, 3, 4, 5), (p2, p3, p4, p5))
    )
    p6 = L.MaxPooling2D(pool_size=(1, 1), strides=2, name="fpn_p6")(p5)
    return [p2, p3, p4, p5, p6]


def _merge(coarse, fine, channels, upsample_name, lateral_name, add_name):
    coarse = L.UpSampling2D(size=(2, 2), name=upsample_name)(coarse)
    return L.Add(name=add_name)([coarse, L.Conv2D(channels, (1, 1), name=lateral_name)(fine)])
