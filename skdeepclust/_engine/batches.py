"""Mini-batches gathered whole, by index, from whatever holds the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch

from skdeepclust._engine.stored_arrays import shuffled_rows


class Batches:
    """Mini-batches of about `batch_size` rows, gathered by index and moved to a device.

    A `torch.utils.data.DataLoader` collates row by row and draws from the global generator; here
    a batch is one gather from a numpy array, a memory map, a CSR matrix or a tensor, so that X is
    never copied or converted as a whole; of an array with chunks, whole blocks are read. The rows
    are spread evenly over the batches: no batch is a small remainder, on which batch normalisation
    and in-batch negatives would be unreliable.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        The samples.
    extra : mapping of str to array-like of shape (n_samples, ...), default=None
        What else the loss takes of each sample, such as weights or labels.
    batch_size : int
        Largest number of rows in a batch (one more where a batch of one row would be left).
    sample_shape : tuple of int
        Shape into which each row is folded.
    dtype : torch.dtype
        Floating dtype of the batches.
    device : torch.device
        Device of the batches.
    generator : torch.Generator, default=None
        Shuffles the rows, anew at each iteration; `None` keeps their order.
    order : Tensor of int64 of shape (n_samples,), default=None
        The order of the rows if they are not shuffled; `None`: that of X.
    origin : ndarray of shape () or (n_features,), default=None
        Subtracted from the rows before they are rounded to `dtype`; `None` is zero.
    """

    def __init__(
        self,
        X,
        extra: Mapping | None = None,
        *,
        batch_size: int,
        sample_shape: tuple[int, ...],
        dtype: torch.dtype,
        device: torch.device,
        generator: torch.Generator | None = None,
        order: torch.Tensor | None = None,
        origin: np.ndarray | None = None,
    ):
        self.X = X
        self.extra = {key: _to_tensor(v, device, dtype) for key, v in (extra or {}).items()}
        self.batch_size, self.sample_shape = batch_size, sample_shape
        self.dtype, self.device, self.generator = dtype, device, generator
        self.order = None if order is None else order.cpu()
        # where X is, once: a copy with each batch would wait for the device
        self.origin = None if origin is None else _as_exact_as(X, origin, dtype)

    def __len__(self) -> int:
        n_samples = self.X.shape[0]
        # batch normalisation can't train on one row: at most half as many batches as rows
        return max(1, min(-(-n_samples // self.batch_size), n_samples // 2))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        n_samples = self.X.shape[0]
        if self.generator is None:  # inference: full batches of one shape
            order = torch.arange(n_samples) if self.order is None else self.order
            parts = order.split(self.batch_size)
        else:
            parts = shuffled_rows(self.X, self.generator).tensor_split(len(self))
        for rows in parts:
            idx = _moved(rows, self.device)
            more = {key: value[idx] for key, value in self.extra.items()}
            yield self.gather(rows), {"idx": idx, **more}

    def joined(self, function: Callable[..., torch.Tensor], n_out: int) -> torch.Tensor:
        """Return `function` of all batches, without `idx`, as one tensor of `n_out` rows.

        The last batch repeats its rows until it has the size of the others: a row's value then
        doesn't depend on how many came with it.
        """
        out, n_done = torch.empty(0), 0
        for x, more in self:
            del more["idx"]
            if len(x) < self.batch_size:
                repeated = torch.arange(self.batch_size, device=x.device) % len(x)
                x, more = x[repeated], {name: value[repeated] for name, value in more.items()}
            part = function(x, **more)[: n_out - n_done]
            if not n_done:  # to join the parts would take twice the memory
                out = part.new_empty((n_out, *part.shape[1:]))
            out[n_done : n_done + len(part)] = part
            n_done += len(part)
        return out

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        """Return some rows as the network takes them."""
        if isinstance(self.X, torch.Tensor):
            batch = self.X[_moved(rows, self.X.device)]
        else:
            picked = self.X[rows.cpu().numpy()]
            dense = isinstance(picked, np.ndarray)
            batch = torch.from_numpy(picked if dense else picked.toarray())
        if self.origin is not None:
            batch = batch.to(self.origin.dtype) - self.origin
        if batch.dtype == torch.float64:  # which is twice as long, and not on every device
            batch = batch.to(self.dtype)
        # others are converted after the move: uint8 images travel as bytes
        batch = _moved(batch, self.device).to(self.dtype)
        return batch.reshape(len(batch), *self.sample_shape)


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device; one that comes to the CPU has arrived: it is read at once."""
    return tensor.to(device, non_blocking=device.type != "cpu")


def _as_exact_as(X, origin: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Return the origin where X is, in the dtype of X, or in `dtype` where X holds integers."""
    own = X[:1] if isinstance(X, torch.Tensor) else torch.from_numpy(np.empty(0, X.dtype))
    exact = own.dtype if own.is_floating_point() else dtype
    return torch.from_numpy(origin).to(own.device, exact)


def _to_tensor(values, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    # torch warns of what can't be written to, though nobody writes
    tensor = torch.as_tensor(np.require(values, requirements="W"))
    return (tensor.to(dtype) if tensor.is_floating_point() else tensor).to(device)
