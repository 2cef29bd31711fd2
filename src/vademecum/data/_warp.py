"""Geometry on batches: affine maps that images, boxes and masks follow together, in one resampling.

A map is a (B, 3, 3) matrix that takes a place in the old image to its place in the new one. Places are measured in
pixels from the center of the image, x to the right and y downwards, so that maps compose by a matrix product.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ._augment import Augmented, Boxes, changed_rows, working

PADDING_MODES = ("zeros", "border", "reflection")
"""What lies outside the image, by grid_sample's names; "zeros" takes the value of fill."""


def require_padding_mode(padding_mode: str) -> str:
    """Check the name of what lies outside.

    Returns:
        The name.

    Raises:
        ValueError: it is unknown.
    """
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f'padding_mode must be "zeros", "border" or "reflection": it is {padding_mode!r}; "zeros" fills with fill.'
        )
    return padding_mode


def identity(count: int, device: torch.device) -> Tensor:
    """(count, 3, 3) maps that move nothing, float64."""
    return torch.eye(3, device=device, dtype=torch.float64).repeat(count, 1, 1)


def shift_matrix(dx: Tensor, dy: Tensor) -> Tensor:
    """(B, 3, 3) maps that move by (B,) pixels."""
    matrix = identity(len(dx), dx.device)
    matrix[:, 0, 2], matrix[:, 1, 2] = dx, dy
    return matrix


def sampling_grid(matrix: Tensor, source: Sequence[int], size: Sequence[int], like: Tensor) -> Tensor:
    """Where each pixel of the new images comes from.

    Torch's affine_grid gives the same by a matrix product over all pixels; the sum of a part of the row and a part
    of the column is many times faster.

    Args:
        matrix: (B, 3, 3) maps.
        source: H and W of the old images.
        size: H and W of the new ones.
        like: a tensor whose type and device the grid takes.

    Returns:
        (B, H, W, 2) for grid_sample with align_corners=False.
    """
    scale = torch.tensor([2 / source[1], 2 / source[0]], dtype=matrix.dtype, device=matrix.device)
    theta = torch.linalg.inv(matrix)[:, :2] * scale[:, None]  # (B, 2, 3): pixels to [-1, 1]
    y, x = (torch.arange(n, dtype=matrix.dtype, device=matrix.device) + 0.5 - n / 2 for n in size)
    column = theta[:, None, :, 0] * x[:, None]  # (B, W, 2)
    row = theta[:, None, :, 1] * y[:, None] + theta[:, None, :, 2]  # (B, H, 2)
    return row.to(like)[:, :, None] + column.to(like)[:, None]


def sampled(x: Tensor, grid: Tensor, *, mode: str, padding_mode: str, fill: float = 0.0) -> Tensor:
    """grid_sample with a value of one's own outside; x (B, C, H, W), grid (B, H, W, 2)."""
    if fill:
        return sampled(x - fill, grid, mode=mode, padding_mode=padding_mode) + fill
    return F.grid_sample(x, grid, mode=mode, padding_mode=padding_mode, align_corners=False)


def sampled_masks(masks: Tensor, grid: Tensor, chosen: Tensor, *, padding_mode: str) -> Tensor:
    """Resample masks by the nearest pixel, which keeps every label whole; 0 outside. The grid is of the chosen."""
    stack = masks if masks.ndim == 4 else masks[:, None]
    wide = stack.double() if stack.dtype in {torch.int32, torch.int64, torch.float64} else stack.float()
    moved = changed_rows(
        wide, chosen, lambda m, _: sampled(m, grid.to(m), mode="nearest", padding_mode=padding_mode)
    )
    return moved.to(masks.dtype).reshape(*masks.shape[:-2], *moved.shape[-2:])


def moved_boxes(boxes: Boxes, matrix: Tensor, source: Sequence[int], size: Sequence[int]) -> list[Tensor]:
    """Boxes around the moved corners, clipped to the image; one that has left it has no area and keeps its place.

    Args:
        boxes: one (n, 4) tensor an example, x1, y1, x2, y2 in pixels.
        matrix: (B, 3, 3) maps.
        source: H and W of the old images.
        size: H and W of the new ones.

    Returns:
        As many boxes an example as before.
    """
    if not len(boxes):
        return []
    counts = [len(box) for box in boxes]
    joined = torch.cat(list(boxes)).to(matrix)  # (n, 4)
    maps = matrix.repeat_interleave(torch.tensor(counts, device=matrix.device), dim=0)
    corners = joined[:, [0, 1, 2, 1, 0, 3, 2, 3]].view(-1, 4, 2)
    old, new = (torch.tensor([w / 2, h / 2]).to(matrix) for h, w in (source, size))
    places = (corners - old) @ maps[:, :2, :2].mT + maps[:, None, :2, 2] + new
    places = places.clamp(min=0).minimum(2 * new)
    found = torch.cat([places.amin(1), places.amax(1)], dim=1)
    still = (maps == identity(1, maps.device)).flatten(1).all(1) & (tuple(source) == tuple(size))
    found = torch.where(still[:, None], joined, found)
    return [part.to(box) for part, box in zip(found.split(counts), boxes, strict=True)]


def resampled(
    x: Tensor,
    boxes: Boxes | None,
    masks: Tensor | None,
    matrix: Tensor,
    *,
    size: Sequence[int] | None = None,
    padding_mode: str = "zeros",
    fill: float = 0.0,
) -> Augmented:
    """Move images, boxes and masks by one map an example; an example whose map moves nothing stays bit for bit.

    Args:
        x: (B, C, H, W) images.
        boxes: one (n, 4) tensor an example.
        masks: (B, H, W) or (B, M, H, W).
        matrix: (B, 3, 3) float64 maps.
        size: H and W of the new images; as before where it is None.
        padding_mode: what lies outside.
        fill: the value there, with "zeros".

    Returns:
        All three.
    """
    source = tuple(x.shape[-2:])
    size = source if size is None else tuple(size)
    if len(x) == 0:
        return emptied(x, boxes, masks, size)
    moves = (matrix != identity(1, matrix.device)).flatten(1).any(1) | (size != source)
    if bool(moves.any()):
        grid = sampling_grid(matrix[moves], source, size, working(x[:0])).to(x.device)
        x = changed_rows(
            x,
            moves,
            lambda part, _: sampled(part, grid, mode="bilinear", padding_mode=padding_mode, fill=fill),
        )
        if masks is not None:
            masks = sampled_masks(masks, grid, moves, padding_mode=padding_mode)
    if boxes is not None:
        boxes = moved_boxes(boxes, matrix, source, size)
    return Augmented(x, boxes, masks)


def emptied(x: Tensor, boxes: Boxes | None, masks: Tensor | None, size: Sequence[int]) -> Augmented:
    """An empty batch in the new size."""
    h, w = size
    smaller = None if masks is None else masks.new_empty(*masks.shape[:-2], h, w)
    return Augmented(x.new_empty(*x.shape[:-2], h, w), boxes, smaller)


def padded(x: Tensor, padding: Sequence[int], *, padding_mode: str, fill: float = 0.0) -> Tensor:
    """Pad above and below, left and right; (..., H, W), any width of padding in any mode.

    Args:
        x: images.
        padding: pixels in y and in x.
        padding_mode: "reflection" repeats the pixel at the border, as grid_sample does.
        fill: the value outside, with "zeros".

    Returns:
        (..., H + 2 py, W + 2 px).
    """
    py, px = padding
    if padding_mode == "zeros":
        return F.pad(x, [px, px, py, py], value=fill)
    for dim, pad in ((-2, py), (-1, px)):
        if pad:
            n = x.shape[dim]
            place = torch.arange(-pad, n + pad, device=x.device)
            if padding_mode == "border":
                place = place.clamp(0, n - 1)
            else:
                place = place.remainder(2 * n)
                place = torch.minimum(place, 2 * n - 1 - place)
            x = x.index_select(dim, place)
    return x


def windows(x: Tensor, top: Tensor, left: Tensor, size: Sequence[int]) -> Tensor:
    """Cut a window out of each image by indexing: exact for whole pixels.

    Args:
        x: (B, C, H, W) images.
        top: (B,) first rows.
        left: (B,) first columns.
        size: H and W of the windows, the same for all.

    Returns:
        (B, C, h, w), a copy.
    """
    h, w = size
    if x.device.type == "cpu" and x[:1].numel() > LARGE:
        cut = zip(x.unbind(), top.tolist(), left.tolist(), strict=True)
        return torch.stack([image[:, i : i + h, j : j + w] for image, i, j in cut])
    views = x.unfold(2, h, 1).unfold(3, w, 1)  # (B, C, rows, columns, h, w) without a copy
    return views[torch.arange(len(x), device=x.device), :, top.to(x.device), left.to(x.device)]


LARGE = 1 << 14
"""Numbers in an image from which on a loop over the images is faster on a CPU."""


def shifted(
    x: Tensor,
    boxes: Boxes | None,
    masks: Tensor | None,
    dx: Tensor,
    dy: Tensor,
    *,
    limit: Sequence[int],
    padding_mode: str = "zeros",
    fill: float = 0.0,
) -> Augmented:
    """Move by whole pixels, exactly.

    Args:
        x: (B, C, H, W) images.
        boxes: one (n, 4) tensor an example.
        masks: (B, H, W) or (B, M, H, W).
        dx: (B,) pixels to the right, whole numbers.
        dy: (B,) pixels downwards.
        limit: the largest |dy| and |dx|.
        padding_mode: what lies outside.
        fill: the value there, with "zeros".

    Returns:
        All three.
    """
    size = tuple(x.shape[-2:])
    if len(x) and any(limit):
        top, left = limit[0] - dy.long(), limit[1] - dx.long()
        x = windows(padded(x, limit, padding_mode=padding_mode, fill=fill), top, left, size)
        if masks is not None:
            stack = masks if masks.ndim == 4 else masks[:, None]
            stack = windows(padded(stack, limit, padding_mode=padding_mode), top, left, size)
            masks = stack.reshape(masks.shape)
    if boxes is not None:
        boxes = moved_boxes(boxes, shift_matrix(dx.double(), dy.double()), size, size)
    return Augmented(x, boxes, masks)
