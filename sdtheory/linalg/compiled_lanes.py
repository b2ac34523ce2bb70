"""Lanes: eight floats side by side, one of each instance, in vector registers.

A type for Numba's compiled code with the operators of floats, of which each is
one instruction, or two where registers are shorter. A compiler left to find
such instructions itself does not use them where it cannot tell arrays apart.

The operations round correctly and are not contracted: a lane has the bits of
the same formula in NumPy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

COUNT = 8

_FLOATS = ir.VectorType(ir.DoubleType(), COUNT)
_TRUTHS = ir.VectorType(ir.IntType(1), COUNT)


class Lanes(types.Type):
    """Numba's type of `COUNT` floats, or of as many truth values."""


floats = Lanes("float64 lanes")
truths = Lanes("bool lanes")

#: Builds an operation from its operands.
Build = Callable[..., Any]


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, _FLOATS if lanes == floats else _TRUTHS)


def _method(name: str, *leading: str) -> Build:
    return lambda builder, *values: getattr(builder, name)(*leading, *values)


def _llvm(name: str) -> Build:
    def build(builder: Any, *values: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * len(values))
        function = get_or_insert_function(builder.module, kind, f"llvm.{name}.v{COUNT}f64")
        return builder.call(function, values)

    return build


def _repeated(builder: Any, value: Any) -> Any:
    empty = ir.Constant(_FLOATS, ir.Undefined)
    first = builder.insert_element(empty, value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), COUNT), [0] * COUNT)
    return builder.shuffle_vector(first, empty, zeros)


def _any(builder: Any, truth: Any) -> Any:
    bits = ir.IntType(COUNT)
    return builder.icmp_unsigned("!=", builder.bitcast(truth, bits), bits(0))


def _unary(result: Any, build: Build) -> Any:
    @intrinsic
    def operation(typing: Any, a: Any) -> Any:
        return result(a), lambda context, builder, _, values: build(builder, *values)

    return operation


def _ternary(build: Build) -> Any:
    @intrinsic
    def operation(typing: Any, a: Any, b: Any, c: Any) -> Any:
        return floats(a, b, c), lambda context, builder, _, values: build(builder, *values)

    return operation


#: A float in every lane.
every = _unary(floats, _repeated)
#: The square root, rounded correctly.
sqrt = _unary(floats, _llvm("sqrt"))
#: The absolute value.
magnitude = _unary(floats, _llvm("fabs"))
#: Whether some lane is true.
some = _unary(types.boolean, _any)
#: a * b + c, rounded once.
fma = _ternary(_llvm("fma"))
#: The second argument where the first one is true, the third one elsewhere.
where = _ternary(_method("select"))


def _pointer(context: Any, builder: Any, array: Any, values: Any) -> Any:
    data = context.make_array(array)(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), _FLOATS.as_pointer())


def _load(typing: Any, array: Any, at: Any) -> Any:
    def lowered(context: Any, builder: Any, _: Any, values: Any) -> Any:
        # NumPy aligns an array to its items only
        return builder.load(_pointer(context, builder, array, values), align=8)

    return floats(array, at), lowered


def _store(typing: Any, array: Any, at: Any, lanes: Any) -> Any:
    def lowered(context: Any, builder: Any, _: Any, values: Any) -> Any:
        builder.store(values[2], _pointer(context, builder, array, values), align=8)
        return context.get_dummy_value()

    return types.void(array, at, lanes), lowered


#: load(array, at): the lanes that begin at an index of a flat array of floats.
load: Any = intrinsic(_load)
#: store(array, at, lanes): writes them there.
store: Any = intrinsic(_store)


def _operator(symbol: Callable[..., Any], result: Any, build: Build, *operands: Any) -> None:
    """Let an operator act on operands, of which numbers stand for themselves in every lane."""
    template = type("_Typed", (ConcreteTemplate,), {"cases": [signature(result, *operands)]})
    infer_global(symbol)(template)  # pyright: ignore[reportOptionalCall]

    @lower_builtin(symbol, *operands)
    def _(context: Any, builder: Any, _: Any, values: Any) -> Any:
        pairs = zip(operands, values, strict=True)
        lanes = (a if isinstance(kind, Lanes) else _repeated(builder, a) for kind, a in pairs)
        return build(builder, *lanes)


for _symbol, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    for _other in ((floats, floats), (floats, types.float64), (types.float64, floats)):
        _operator(_symbol, floats, _method(_name), *_other)
for _symbol, _name in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">")):
    for _other in (floats, types.float64):
        _operator(_symbol, truths, _method("fcmp_ordered", _name), floats, _other)
for _symbol, _name in ((operator.and_, "and_"), (operator.or_, "or_")):
    _operator(_symbol, truths, _method(_name), truths, truths)
_operator(operator.invert, truths, _method("not_"), truths)
_operator(operator.neg, floats, _method("fneg"), floats)
