"""Arrays, scalars, tensors and generators of random numbers as nodes, and back."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from scipy import sparse
from torch import nn

from skdeepclust._storage.kinds import Read, Reader, Write, Writer

# Of numpy; what has another dtype is written by its bytes, item by item, or not at all.
NUMERIC = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
# Complex and long numbers, times, bytes and records.
BY_BYTES = "fcmMSV"
COMPRESSED = {"csr": sparse.csr_array, "csc": sparse.csc_array}
SPARSE: dict[str, Any] = {
    f"{name}_{form}": getattr(sparse, f"{name}_{form}")
    for name in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for form in ("array", "matrix")
}
BIT_GENERATORS: dict[str, Any] = {
    each.__name__: each
    for each in (
        np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64,
    )
}  # fmt: skip

# ---------------------------------------------------------------- arrays


def write_array(writer: Writer, value: np.ndarray, path: str) -> Any:
    kind = value.dtype.kind
    if type(value) is np.memmap:
        value = np.asarray(value)
    if type(value) is not np.ndarray:
        return writer.refuse(value, path)
    if value.dtype.name in NUMERIC:
        is_turned = value.flags.f_contiguous and not value.flags.c_contiguous
        return {"$": "array", "name": writer.stored(value), **({"order": "F"} if is_turned else {})}
    if kind in "UO" or (kind == "T" and not hasattr(value.dtype, "na_object")):
        items = [writer.node(v, f"{path}[{i}]") for i, v in enumerate(value.ravel().tolist())]
        dtype = str(value.dtype) if kind in "UO" else "T"
        return {"$": "objects", "dtype": dtype, "shape": list(value.shape), "items": items}
    if kind not in BY_BYTES or value.dtype.hasobject or not value.dtype.itemsize:
        return writer.refuse(value, path)
    content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    dtype = repr(npy.dtype_to_descr(value.dtype))
    name = writer.stored(content)
    return {"$": "bytes of", "dtype": dtype, "shape": list(value.shape), "name": name}


def read_array(reader: Reader, node: dict) -> np.ndarray:
    name = node["name"]
    if node.get("order") == "F":
        reader.arrays[name] = np.asfortranarray(reader.arrays[name])
    return reader.arrays[name]


def read_objects(reader: Reader, node: dict) -> np.ndarray:
    dtype = np.dtype(node["dtype"])
    if dtype.kind not in "UOT":
        raise ValueError(f"it holds objects of the dtype {dtype}")
    array = np.empty(len(node["items"]), dtype)
    for i, item in enumerate(node["items"]):  # which may be arrays: no item is to be spread
        array[i] = reader.value(item)
    return array.reshape(node["shape"])


def read_bytes_of(reader: Reader, node: dict) -> np.ndarray:
    dtype = npy.descr_to_dtype(ast.literal_eval(node["dtype"]))
    if dtype.kind not in BY_BYTES or dtype.hasobject:
        raise ValueError(f"it holds the bytes of the dtype {dtype}")
    return reader.arrays[node["name"]].view(dtype).reshape(node["shape"])


def write_masked(writer: Writer, value: np.ma.MaskedArray, path: str) -> Any:
    if type(value) is not np.ma.MaskedArray:
        return writer.refuse(value, path)
    parts = {"data": value.data, "mask": value.mask, "fill": value.fill_value}
    return {"$": "masked", **{k: writer.node(v, f"{path}.{k}") for k, v in parts.items()}}


def read_masked(reader: Reader, node: dict) -> np.ma.MaskedArray:
    data, mask, fill = (reader.value(node[k]) for k in ("data", "mask", "fill"))
    return np.ma.MaskedArray(data, mask=mask, fill_value=fill)


def write_scalar(writer: Writer, value: np.generic, path: str) -> Any:
    if value.dtype.name not in NUMERIC:
        return {"$": "scalar", "array": writer.node(np.asarray(value), path)}
    number = value.item()
    text = isinstance(number, float) and not math.isfinite(number)
    return {"$": "number", "dtype": value.dtype.name, "value": str(number) if text else number}


def read_scalar(reader: Reader, node: dict) -> np.generic:
    return reader.value(node["array"])[()]


def read_number(reader: Reader, node: dict) -> np.generic:
    if node["dtype"] not in NUMERIC:
        raise ValueError(f"it holds a number of the dtype {node['dtype']!r}")
    kind: Any = np.dtype(node["dtype"]).type
    return kind(node["value"])


def write_numpy_dtype(writer: Writer, value: np.dtype, path: str) -> Any:
    if value.kind == "T":
        return {"$": "numpy dtype", "value": "T"}
    if value.fields is None:
        return {"$": "numpy dtype", "value": str(value)}
    return {"$": "numpy dtype", "fields": repr(npy.dtype_to_descr(value))}


def read_numpy_dtype(reader: Reader, node: dict) -> np.dtype:
    if "fields" in node:
        return npy.descr_to_dtype(ast.literal_eval(node["fields"]))
    return np.dtype(node["value"])


# ---------------------------------------------------------------- tensors


def write_tensor(writer: Writer, value: torch.Tensor, path: str) -> Any:
    plain = value.detach()
    if plain.is_meta or plain.is_quantized or type(value) not in (torch.Tensor, nn.Parameter):
        return writer.refuse(value, path)
    if plain.layout == torch.sparse_coo:
        flat = plain.coalesce()
        parts = {"indices": flat.indices(), "values": flat.values()}
        parts = {name: writer.node(part, path) for name, part in parts.items()}
        return {"$": "sparse tensor", "shape": list(plain.shape), **parts}
    if plain.layout != torch.strided:
        return writer.refuse(value, path)
    plain = plain.cpu().resolve_conj().resolve_neg()
    kind = "parameter" if isinstance(value, nn.Parameter) else "tensor"
    node: dict[str, Any] = {"$": kind}
    try:
        array = plain.numpy()
    except TypeError:  # a dtype that numpy doesn't have
        node["dtype"] = str(plain.dtype).removeprefix("torch.")
        array = plain.contiguous().view({1: torch.uint8, 2: torch.int16}[plain.itemsize]).numpy()
    return node | {"array": writer.node(array, path), "requires_grad": value.requires_grad}


def read_tensor(reader: Reader, node: dict) -> torch.Tensor:
    tensor = torch.from_numpy(reader.value(node["array"]).copy("K"))
    if "dtype" in node:
        tensor = tensor.view(torch_word(torch.dtype, node["dtype"]))
    has_gradient = tensor.is_floating_point() or tensor.is_complex()
    return tensor.requires_grad_(node["requires_grad"] and has_gradient)


def read_parameter(reader: Reader, node: dict) -> nn.Parameter:
    tensor = read_tensor(reader, node)
    return nn.Parameter(tensor.detach(), requires_grad=tensor.requires_grad)


def read_sparse_tensor(reader: Reader, node: dict) -> torch.Tensor:
    indices, values = reader.value(node["indices"]), reader.value(node["values"])
    tensor = torch.sparse_coo_tensor(indices, values, node["shape"], check_invariants=True)
    return tensor.coalesce()


def write_torch_word(writer: Writer, value: Any, path: str) -> Any:
    kind = next(kind for kind, cls in TORCH_WORDS.items() if isinstance(value, cls))
    return {"$": kind, "value": str(value).removeprefix("torch.")}


def torch_word(kind: type, name: str) -> Any:
    """Return what `torch` has by a name, if it is of the kind that it should be."""
    found = getattr(torch, name)
    if not isinstance(found, kind):
        raise ValueError(f"it holds the {kind.__name__} {name!r}")
    return found


def read_torch_word(reader: Reader, node: dict) -> Any:
    return torch_word(TORCH_WORDS[node["$"]], node["value"])


TORCH_WORDS = {
    "dtype": torch.dtype, "layout": torch.layout, "memory format": torch.memory_format,
}  # fmt: skip

# ---------------------------------------------------------------- sparse matrices


def write_sparse(writer: Writer, value: Any, path: str) -> Any:
    if type(value).__name__ not in SPARSE:
        return writer.refuse(value, path)
    node = {"$": "sparse", "class": type(value).__name__, "shape": list(value.shape)}
    if value.format in COMPRESSED:
        parts = {k: getattr(value, k) for k in ("data", "indices", "indptr")}
    else:
        flat = value.tocoo()
        parts = {"data": flat.data, **{f"axis {i}": c for i, c in enumerate(flat.coords)}}
    return node | {name: writer.node(part, f"{path}.{name}") for name, part in parts.items()}


def read_sparse(reader: Reader, node: dict) -> Any:
    cls, shape = SPARSE[node["class"]], tuple(node["shape"])
    if "indptr" in node:
        parts = tuple(reader.value(node[k]) for k in ("data", "indices", "indptr"))
        matrix = cls(parts, shape=shape)
        matrix.check_format(full_check=True)  # compiled code would trust the indices
        return matrix
    coords = tuple(reader.value(node[f"axis {i}"]) for i in range(len(shape)))
    return cls(sparse.coo_array((reader.value(node["data"]), coords), shape=shape))


# ---------------------------------------------------------------- random numbers


def write_random_state(writer: Writer, value: np.random.RandomState, path: str) -> Any:
    return {"$": "random_state", "state": writer.node(value.get_state(legacy=False), path)}


def read_random_state(reader: Reader, node: dict) -> np.random.RandomState:
    kept = reader.value(node["state"])
    state = np.random.RandomState(BIT_GENERATORS[kept["bit_generator"]](0))
    state.set_state(kept)
    return state


def write_generator(writer: Writer, value: np.random.Generator, path: str) -> Any:
    bits: Any = value.bit_generator
    seeds, name = bits.seed_seq, type(bits).__name__
    if name not in BIT_GENERATORS or type(seeds) is not np.random.SeedSequence:
        return writer.refuse(value, path)
    parts = {"state": bits.state, "seeds": seeds.state}
    return {"$": "generator", **{k: writer.node(v, path) for k, v in parts.items()}}


def read_generator(reader: Reader, node: dict) -> np.random.Generator:
    state, seeds = reader.value(node["state"]), reader.value(node["seeds"])
    bits = BIT_GENERATORS[state["bit_generator"]](np.random.SeedSequence(**seeds))
    bits.state = state
    return np.random.Generator(bits)


def write_torch_generator(writer: Writer, value: torch.Generator, path: str) -> Any:
    if value.device.type != "cpu":
        return writer.refuse(value, path)
    return {"$": "torch generator", "state": writer.node(value.get_state(), path)}


def read_torch_generator(reader: Reader, node: dict) -> torch.Generator:
    return torch.Generator().set_state(reader.value(node["state"]))


WRITERS: list[tuple[Any, Write]] = [
    (np.ma.MaskedArray, write_masked),
    (np.ndarray, write_array),
    (np.generic, write_scalar),
    (np.dtype, write_numpy_dtype),
    (torch.Tensor, write_tensor),
    (tuple(TORCH_WORDS.values()), write_torch_word),
    ((sparse.sparray, sparse.spmatrix), write_sparse),
    (np.random.RandomState, write_random_state),
    (np.random.Generator, write_generator),
    (torch.Generator, write_torch_generator),
]
READERS: dict[str, Read] = {
    "array": read_array,
    "objects": read_objects,
    "bytes of": read_bytes_of,
    "masked": read_masked,
    "scalar": read_scalar,
    "number": read_number,
    "numpy dtype": read_numpy_dtype,
    "tensor": read_tensor,
    "parameter": read_parameter,
    "sparse tensor": read_sparse_tensor,
    **dict.fromkeys(TORCH_WORDS, read_torch_word),
    "sparse": read_sparse,
    "random_state": read_random_state,
    "generator": read_generator,
    "torch generator": read_torch_generator,
}
